import { beforeAll, describe, expect, test } from "vitest";
import { type Echo, startEcho } from "../support/echo.ts";
import { eventually } from "../support/eventually.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import {
  answerOf,
  clients,
  nodesIn,
  peersStage,
  type StageHaproxy,
  statusOf,
  TAG,
  untilAllOn,
  untilConnected,
} from "../support/peers-stage.ts";

interface Scene {
  readonly haproxies: readonly [StageHaproxy, StageHaproxy, StageHaproxy];
  readonly nodes: readonly [Echo, Echo, Echo];
}

/** Three of each; the second node is the one to write to, though the first is up. */
async function onTheSecond(binary: string): Promise<Scene> {
  const prefix = await loopbackPrefix();
  const nodes = [
    await startEcho(`${prefix}.2`),
    await startEcho(`${prefix}.3`),
    await startEcho(`${prefix}.4`),
  ] as const;
  const stage = await peersStage({ nodes: nodes.map(({ server }) => server), binary });
  const haproxies = [await stage.add("lb1"), await stage.add("lb2"), await stage.add("lb3")] as const;
  await untilConnected(haproxies, 2);
  const [first, second] = nodes;
  for (const { cli } of haproxies) await cli(`set server ${TAG}/${first.server} state maint`);
  expect(await answerOf(haproxies[0])).toBe(second.server);
  await untilAllOn(haproxies, second.server);
  for (const { cli } of haproxies) await cli(`set server ${TAG}/${first.server} state ready`);
  for (const haproxy of haproxies) expect(await answerOf(haproxy)).toBe(second.server);
  return { haproxies, nodes };
}

describe.each(haproxyBinaries())("HAProxy $version", ({ binary }) => {
  let scene: Scene;
  // Each test leaves the row at the second node.
  beforeAll(async () => {
    scene = await onTheSecond(binary);
  }, 60_000);

  test("clients by the hundred, a reload, a restart, a crash: nobody ever goes to another node", async () => {
    const { haproxies, nodes } = scene;
    const [one, two, three] = haproxies;
    const crowd = haproxies.map((haproxy) => clients(haproxy));
    await one.reload();
    await two.restart();
    await three.kill();
    await three.restart();
    await untilAllOn(haproxies, nodes[1].server);
    const answers = (await Promise.all(crowd.map((some) => some.end()))).flat();
    expect(answers.length).toBeGreaterThan(100);
    expect(nodesIn(answers)).toEqual([nodes[1].server]);
    await untilConnected(haproxies, 2);
    expect(await statusOf(haproxies)).toMatchObject({ code: 0, stdout: expect.stringContaining("all 3 agree on") });
  });

  test("all of them reload in the same moment, each learns the row from its own old process", async () => {
    const { haproxies, nodes } = scene;
    await Promise.all(haproxies.map((haproxy) => haproxy.reload()));
    await untilAllOn(haproxies, nodes[1].server);
    for (const haproxy of haproxies) expect(await answerOf(haproxy)).toBe(nodes[1].server);
  });

  test("a node that refuses and was not yet found down makes no other one the writer", async () => {
    const { haproxies, nodes } = scene;
    const [one] = haproxies;
    // As between its death and the check that finds it: HAProxy takes it for up, and nobody listens there.
    await one.cli(`disable health ${TAG}/${nodes[1].server}`);
    await one.cli(`set server ${TAG}/${nodes[1].server} addr ${nodes[1].address} port 9`);
    await expect(answerOf(one)).rejects.toThrow();
    expect(await one.row()).toBe(nodes[1].server);
    expect(await Promise.all(haproxies.slice(1).map(answerOf))).toEqual([nodes[1].server, nodes[1].server]);
    await one.reload();
    await untilAllOn(haproxies, nodes[1].server);
  });

  test("a list in another order, and one without the first node, leave the row where it is", async () => {
    const { haproxies, nodes } = scene;
    const lines = (text: string) => text.split("\n").filter((line) => / +server 127/.test(line));
    const [one] = haproxies;
    const before = one.read();
    const [first = "", second = "", third = ""] = lines(before);
    for (const list of [
      [third, first, second],
      [second, third],
      [first, second, third],
    ]) {
      one.writeConfig(before.replace(lines(before).join("\n"), list.join("\n")));
      expect(await one.reload()).toBe(true);
      await eventually("it has learned", async () => (await one.row()) === nodes[1].server);
      expect(await answerOf(one)).toBe(nodes[1].server);
    }
    await untilAllOn(haproxies, nodes[1].server);
  });
});
