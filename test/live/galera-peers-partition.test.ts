import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Launched, launch } from "../support/launch.ts";
import { createNamespaces, type Namespaces, whyNoNamespaces } from "../support/namespaces.ts";
import {
  FRONT_PORT,
  peersStage,
  type StageHaproxy,
  statusOf,
  untilAllOn,
  untilConnected,
} from "../support/peers-stage.ts";

const HOSTS = ["10.211.2.100", "10.211.2.101", "10.211.2.102"];
const PORT = 3_306;
const [FIRST = "", SECOND = ""] = HOSTS.map((host) => `${host}:${PORT}`);
const reason = whyNoNamespaces();

interface Scene {
  readonly namespaces: Namespaces;
  readonly nodes: readonly Launched[];
  readonly haproxies: readonly [StageHaproxy, StageHaproxy, StageHaproxy];
}

/** Three HAProxies in namespaces of their own, all on the first node, of which lb1 has lost the two others. */
async function cutOff(): Promise<Scene> {
  const namespaces = createNamespaces(3, HOSTS.length);
  const socat = namespaces.within(namespaces.hub, "socat");
  const nodes = HOSTS.map((host) =>
    launch(socat, [`TCP-LISTEN:${PORT},bind=${host},fork,reuseaddr`, `SYSTEM:echo ${host}`]),
  );
  const stage = await peersStage({
    nodes: HOSTS.map((host) => `${host}:${PORT}`),
    addressOf: (name) => `10.211.1.${name.slice(2)}`,
    binaryOf: (name) => namespaces.within(name, "haproxy"),
  });
  const haproxies = [await stage.add("lb1"), await stage.add("lb2"), await stage.add("lb3")] as const;
  await untilConnected(haproxies, 2);
  ask(namespaces, haproxies[0]);
  await untilAllOn(haproxies, FIRST);
  namespaces.setPeersLink("lb1", "down");
  await eventually("both sides have noticed", async () => {
    const { code, stdout } = await statusOf(haproxies);
    return code === 1 && stdout.includes("0/2, not lb2, lb3") && (stdout.match(/1\/2, not lb1/g) ?? []).length === 2;
  });
  return { namespaces, nodes, haproxies };
}

/** A client comes to this HAProxy in its own namespace. */
function ask(namespaces: Namespaces, { name, front }: StageHaproxy): string {
  return namespaces.run(name, "socat", "-u", "-T7", `TCP:${front}:${FRONT_PORT}`, "-").trim();
}

/** Lets clients come until the row of this one is another. */
function untilLeft(namespaces: Namespaces, haproxy: StageHaproxy, node: string): Promise<boolean> {
  return eventually(`${haproxy.name} has left ${node}`, async () => {
    ask(namespaces, haproxy);
    return (await haproxy.row()) !== node;
  });
}

async function untilAgreed(haproxies: readonly StageHaproxy[], node: string): Promise<void> {
  await untilAllOn(haproxies, node);
  expect(await statusOf(haproxies)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`all 3 agree on ${node}`),
  });
}

describe.skipIf(reason !== undefined)(`lb1 is cut off from the other HAProxies${reason ?? ""}`, () => {
  test("all stay where they are, and the writer's death leads both sides to the same next one", async () => {
    const { namespaces, nodes, haproxies } = await cutOff();
    for (const haproxy of haproxies) expect(await haproxy.row()).toBe(FIRST);
    await nodes[0]?.kill();
    await Promise.all(haproxies.slice(0, 2).map((haproxy) => untilLeft(namespaces, haproxy, FIRST)));
    await untilAllOn(haproxies, SECOND);
    namespaces.setPeersLink("lb1", "up");
    await untilConnected(haproxies, 2);
    await untilAgreed(haproxies, SECOND);
  }, 60_000);

  test("when it alone loses the writer there are two, peers status says so, and healed all agree by themselves", async () => {
    const { namespaces, haproxies } = await cutOff();
    const [one, two, three] = haproxies;
    namespaces.setSight("lb1", HOSTS[0] ?? "", "lost");
    await untilLeft(namespaces, one, FIRST);
    for (const haproxy of [two, three])
      expect([ask(namespaces, haproxy), await haproxy.row()]).toEqual([HOSTS[0], FIRST]);
    const { code, stdout } = await statusOf(haproxies);
    expect([code, stdout]).toEqual([1, expect.stringContaining(`lb1 on ${SECOND}; lb2, lb3 on ${FIRST}`)]);
    namespaces.setSight("lb1", HOSTS[0] ?? "", "back");
    namespaces.setPeersLink("lb1", "up");
    await untilConnected(haproxies, 2);
    // Each side told the other what it has, and the two rows may have crossed on their way: it takes clients to agree.
    await eventually("they agree", async () => {
      for (const haproxy of haproxies) ask(namespaces, haproxy);
      return (await statusOf(haproxies)).code === 0;
    });
    const rows = await Promise.all(haproxies.map((haproxy) => haproxy.row()));
    expect(new Set(rows).size).toBe(1);
  }, 60_000);
});
