import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { galera } from "../../checkers/galera.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe, ServiceContext } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { eventually } from "../support/eventually.ts";
import { type GaleraNode, startGalera } from "../support/galera.ts";
import { MONITOR } from "../support/mariadb.ts";
import { releaseLater } from "../support/releases.ts";
import { serviceContext } from "../support/service-context.ts";
import { tempDir } from "../support/temp-dir.ts";

const never = new AbortController().signal;
const PATIENCE_MS = 5_000;
const LOGIN = MONITOR;

/** May log in, and nothing else. */
const BARE = { user: "bare", password: "bare" };

/** A probe of each node, of one tag. */
function open(
  nodes: readonly GaleraNode[],
  options: OptionValues = {},
  context: Partial<ServiceContext> = {},
): readonly Probe[] {
  const server = nodes.map(({ address, port }) => ({ host: address, port }));
  const service = galera.create({ server, ...LOGIN, ...options }, serviceContext(context));
  const probes = server.map((target) => service.open(target));
  releaseLater("galera probes", async () => void (await Promise.all(probes.map((probe) => probe.close()))));
  return probes;
}

const look = (probe: Probe): Promise<Verdict> => ask(probe, PATIENCE_MS, never);
const lookAll = (probes: readonly Probe[]) => Promise.all(probes.map(look));

async function untilSaid(probe: Probe, expected: Partial<Verdict>): Promise<void> {
  await eventually(`it says ${JSON.stringify(expected)}`, async () => {
    const verdict = await look(probe);
    expect(verdict).toMatchObject(expected);
    return true;
  });
}

const SYNCED = { state: "up", reason: "synced" } as const;

describe("three nodes", () => {
  let nodes: readonly GaleraNode[];
  const [A, B, C] = [0, 1, 2];
  const node = (at: number): GaleraNode => {
    const found = nodes[at];
    if (found === undefined) throw new Error("there are three");
    return found;
  };
  const probeOf = (probes: readonly Probe[], at: number): Probe => {
    const found = probes[at];
    if (found === undefined) throw new Error("there are three");
    return found;
  };

  // Each test leaves them synced, so one cluster serves all.
  beforeAll(async () => {
    nodes = await startGalera();
  }, 60_000);

  test("are up while they are synced, seen by a user without any privilege", async () => {
    await node(A).sql("CREATE USER bare@'127.%' IDENTIFIED BY 'bare'");
    for (const probe of open(nodes, BARE)) await untilSaid(probe, SYNCED);
  });

  test("are not talked to in the clear when TLS is wanted", async () => {
    const ca = join(tempDir("ca"), "ca.pem");
    writeFileSync(ca, "");
    expect(await look(open(nodes, { "ssl-ca": ca })[0] as Probe)).toEqual({
      state: "unknown",
      reason: "login: Server does not support secure connection",
    });
  });

  test("a wrong password says nothing about a node", async () => {
    const [probe] = open(nodes, { password: "wrong" });
    const verdict = await look(probe as Probe);
    expect(verdict).toMatchObject({ state: "unknown" });
    expect(verdict.reason).toContain("Access denied");
    expect(verdict.reason).not.toContain("wrong");
  });

  test("one that is watched alone may be a donor only where it is alone in its cluster", async () => {
    const [probe] = open([node(A)]);
    await node(A).sql("SET GLOBAL wsrep_desync=ON");
    await untilSaid(probe as Probe, { state: "down", reason: "desynced by hand (wsrep_desync=ON)" });
    await node(A).sql("SET GLOBAL wsrep_desync=OFF");
    await untilSaid(probe as Probe, SYNCED);
  });

  test("one that is desynced is down while another is synced, up where that is allowed, and up again after it", async () => {
    const probes = open(nodes);
    await lookAll(probes);
    const [allowed] = open(nodes, { donor: "always" });
    await node(A).sql("SET GLOBAL wsrep_desync=ON");
    await untilSaid(probeOf(probes, A), { state: "down", reason: "desynced by hand (wsrep_desync=ON)" });
    await untilSaid(allowed as Probe, { state: "up", reason: "desynced by hand (wsrep_desync=ON)" });
    await node(A).sql("SET GLOBAL wsrep_desync=OFF");
    await untilSaid(probeOf(probes, A), SYNCED);
  });

  test("the last one that is left may be a donor", async () => {
    const probes = open(nodes);
    const strict = open(nodes, { donor: "never" });
    for (const at of [A, B, C]) await node(at).sql("SET GLOBAL wsrep_desync=ON");
    await eventually("they know that nobody is synced", async () =>
      (await lookAll(probes)).every(({ state }) => state === "up"),
    );
    expect((await look(probeOf(probes, A))).reason).toBe(
      "desynced by hand (wsrep_desync=ON), but no other node is synced",
    );
    expect(await look(probeOf(strict, A))).toMatchObject({ state: "down" });
    for (const at of [A, B, C]) await node(at).sql("SET GLOBAL wsrep_desync=OFF");
    for (const probe of probes) await untilSaid(probe, SYNCED);
  });

  test("one whose tables are locked is desynced", async () => {
    const probes = open(nodes);
    await lookAll(probes);
    const release = await node(B).hold("FLUSH TABLES WITH READ LOCK");
    await untilSaid(probeOf(probes, B), { state: "down", reason: "donor/desynced" });
    await release();
    await untilSaid(probeOf(probes, B), SYNCED);
  });

  test("one that rejects queries is down, though it says that it is synced", async () => {
    const [probe] = open(nodes);
    for (const how of ["ALL", "ALL_KILL"]) {
      // ALL_KILL ends the connection that says so, too.
      await node(A)
        .sql(`SET GLOBAL wsrep_reject_queries=${how}`)
        .catch(() => {});
      await untilSaid(probe as Probe, { state: "down", reason: `rejects queries (wsrep_reject_queries=${how})` });
      await node(A).sql("SET GLOBAL wsrep_reject_queries=NONE");
      await untilSaid(probe as Probe, SYNCED);
    }
  });

  test("one that takes no writes is up, unless writes are wanted", async () => {
    const [reader] = open(nodes);
    const [writer] = open(nodes, { "require-writable": true });
    await node(A).sql("SET GLOBAL read_only=1");
    expect(await look(reader as Probe)).toMatchObject(SYNCED);
    expect(await look(writer as Probe)).toEqual({ state: "down", reason: "takes no writes (read_only=ON)" });
    await node(A).sql("SET GLOBAL read_only=0");
    expect(await look(writer as Probe)).toMatchObject(SYNCED);
  });

  test("weight goes down with the write-sets that wait", async () => {
    let laterMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
    const [probe] = open(nodes, { "weight-by": "queue", donor: "always" }, { clock });
    expect(await look(probe as Probe)).toMatchObject({ weightPercent: 100 });
    const release = await node(A).hold("FLUSH TABLES WITH READ LOCK");
    for (let at = 0; at < 30; at++) await node(B).sql(`INSERT INTO t.g VALUES (${at})`);
    await eventually("its weight is less", async () => {
      const verdict = await look(probe as Probe);
      return verdict.state === "up" && (verdict.weightPercent ?? 100) <= 80;
    });
    await release();
    await untilSaid(probe as Probe, { reason: "synced" });
    // What is older than the window does not count any more.
    laterMs = 11_000;
    await untilSaid(probe as Probe, { state: "up", weightPercent: 100 });
  });

  test("weight goes down where flow control is asked for, and not on the nodes that wait for it", async () => {
    const [braking, waiting] = open(nodes, { "weight-by": "flow-control" });
    for (const probe of [braking, waiting]) await untilSaid(probe as Probe, SYNCED);
    await node(A).sql("SET GLOBAL wsrep_provider_options='gcs.fc_limit=1'");
    const release = await node(A).hold("LOCK TABLES t.g WRITE");
    const writes = [1, 2, 3, 4, 5].map((at) => node(B).sql(`INSERT INTO t.g VALUES (${1_000 + at})`));
    await eventually("it has held up the cluster for most of the time", async () => {
      const verdict = await look(braking as Probe);
      return verdict.state === "up" && (verdict.weightPercent ?? 100) < 50;
    });
    expect(await look(waiting as Probe)).toMatchObject({ state: "up", weightPercent: 100 });
    await release();
    await Promise.all(writes);
    await node(A).sql("SET GLOBAL wsrep_provider_options='gcs.fc_limit=16'");
  });

  test("one that is cut off from the others is down, and up again after it", async () => {
    const probes = open(nodes);
    await node(C).sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=1'");
    await eventually("it is alone", async () => (await look(probeOf(probes, C))).state === "down");
    expect((await look(probeOf(probes, C))).reason).toMatch(
      /non-Primary component|outside of the cluster|not connected/,
    );
    await untilSaid(probeOf(probes, A), SYNCED);
    await node(C).sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=0'");
    await untilSaid(probeOf(probes, C), SYNCED);
  });

  test("one that hangs gives no answer", async () => {
    const probes = open(nodes);
    await lookAll(probes);
    node(C).pause();
    await eventually("it hangs", async () => (await ask(probeOf(probes, C), 300, never)).state === "down");
    node(C).resume();
    await untilSaid(probeOf(probes, C), SYNCED);
  });

  test("one that gets all its data from another is down until it has them, and the giver while it gives", async () => {
    const probes = open(nodes);
    await node(C).stop();
    node(C).wipe();
    const reasons = new Set<string>();
    const back = node(C).restart();
    await eventually("it is back", async () => {
      for (const { reason } of await lookAll(probes)) reasons.add(reason);
      return [...reasons].includes("donor/desynced") && (await look(probeOf(probes, C))).state === "up";
    });
    await back;
    expect([...reasons]).toContain("connection refused");
    for (const probe of probes) await untilSaid(probe, SYNCED);
  });

  test("those that stop in an orderly way leave the rest in use; those that crash do not leave the last one in use", async () => {
    const probes = open(nodes);
    await node(C).stop();
    await untilSaid(probeOf(probes, C), { state: "down", reason: "connection refused" });
    for (const at of [A, B]) await untilSaid(probeOf(probes, at), SYNCED);
    await node(B).kill();
    await eventually(
      "the last one has lost the majority",
      async () => (await look(probeOf(probes, A))).state === "down",
    );
    expect((await look(probeOf(probes, A))).reason).toContain("non-Primary component: it has no quorum");
    await node(A).sql("SET GLOBAL wsrep_provider_options='pc.bootstrap=1'");
    await untilSaid(probeOf(probes, A), SYNCED);
    await node(A).sql("SET GLOBAL wsrep_desync=ON");
    await untilSaid(open([node(A)])[0] as Probe, { state: "up" });
  });
});
