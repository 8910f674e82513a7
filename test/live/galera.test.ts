import { beforeAll, describe, expect, test } from "vitest";
import { galera } from "../../checkers/galera.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { eventually } from "../support/eventually.ts";
import { type GaleraNode, startGalera } from "../support/galera.ts";
import { MONITOR } from "../support/mariadb.ts";
import { releaseLater } from "../support/releases.ts";
import { serviceContext } from "../support/service-context.ts";

const never = new AbortController().signal;
const PATIENCE_MS = 5_000;
const LOGIN = MONITOR;

/** A probe of each node, of one tag. */
function open(nodes: readonly GaleraNode[], options: OptionValues = {}): readonly Probe[] {
  const server = nodes.map(({ address, port }) => ({ host: address, port }));
  const service = galera.create({ server, ...LOGIN, ...options }, serviceContext());
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

  test("are up while they are synced, seen by a user who may do nothing but ask", async () => {
    for (const verdict of await lookAll(open(nodes))) expect(verdict).toMatchObject(SYNCED);
  });

  test("a wrong password says nothing about a node", async () => {
    const [probe] = open(nodes, { password: "wrong" });
    const verdict = await look(probe as Probe);
    expect(verdict).toMatchObject({ state: "unknown" });
    expect(verdict.reason).toContain("Access denied");
    expect(verdict.reason).not.toContain("wrong");
  });

  test("one that is desynced is down while another is synced, up where that is allowed, and up again after it", async () => {
    const probes = open(nodes);
    await lookAll(probes);
    const [allowed] = open(nodes, { donor: "always" });
    await node(A).sql("SET GLOBAL wsrep_desync=ON");
    await untilSaid(probeOf(probes, A), { state: "down", reason: "it is a donor or desynced" });
    await untilSaid(allowed as Probe, { state: "up", reason: "donor or desynced" });
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
    expect((await look(probeOf(probes, A))).reason).toBe("donor or desynced, but no other node is synced");
    expect(await look(probeOf(strict, A))).toMatchObject({ state: "down" });
    for (const at of [A, B, C]) await node(at).sql("SET GLOBAL wsrep_desync=OFF");
    for (const probe of probes) await untilSaid(probe, SYNCED);
  });

  test("one whose tables are locked is desynced", async () => {
    const probes = open(nodes);
    await lookAll(probes);
    const release = await node(B).hold("FLUSH TABLES WITH READ LOCK");
    await untilSaid(probeOf(probes, B), { state: "down", reason: "it is a donor or desynced" });
    await release();
    await untilSaid(probeOf(probes, B), SYNCED);
  });

  test("one that rejects queries is down, though it says that it is synced", async () => {
    const [probe] = open(nodes);
    await node(A).sql("SET GLOBAL wsrep_reject_queries=ALL");
    await untilSaid(probe as Probe, { state: "down", reason: "it rejects queries (wsrep_reject_queries is ALL)" });
    await node(A).sql("SET GLOBAL wsrep_reject_queries=NONE");
    await untilSaid(probe as Probe, SYNCED);
  });

  test("one that takes no writes is up, unless writes are wanted", async () => {
    const [reader] = open(nodes);
    const [writer] = open(nodes, { "require-writable": true });
    await node(A).sql("SET GLOBAL read_only=1");
    expect(await look(reader as Probe)).toMatchObject(SYNCED);
    expect(await look(writer as Probe)).toEqual({ state: "down", reason: "read_only is ON" });
    await node(A).sql("SET GLOBAL read_only=0");
    expect(await look(writer as Probe)).toMatchObject(SYNCED);
  });

  test("weight goes down with the write-sets that wait", async () => {
    const [probe] = open(nodes, { "weight-by": "queue", donor: "always" });
    expect(await look(probe as Probe)).toMatchObject({ weightPercent: 100 });
    const release = await node(A).hold("FLUSH TABLES WITH READ LOCK");
    for (let at = 0; at < 30; at++) await node(B).sql(`INSERT INTO t.g VALUES (${at})`);
    await eventually("its weight is less", async () => {
      const verdict = await look(probe as Probe);
      return verdict.state === "up" && (verdict.weightPercent ?? 100) <= 80;
    });
    await release();
    await untilSaid(probe as Probe, { state: "up", weightPercent: 100 });
  });

  test("one that is cut off from the others is down, and up again after it", async () => {
    const probes = open(nodes);
    await node(C).sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=1'");
    await eventually("it is alone", async () => (await look(probeOf(probes, C))).state === "down");
    expect((await look(probeOf(probes, C))).reason).toMatch(
      /its part of the cluster may not take writes|not connected/,
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
      return [...reasons].includes("it is a donor or desynced") && (await look(probeOf(probes, C))).state === "up";
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
    expect((await look(probeOf(probes, A))).reason).toContain("its part of the cluster may not take writes");
    await node(A).sql("SET GLOBAL wsrep_provider_options='pc.bootstrap=1'");
    await untilSaid(probeOf(probes, A), SYNCED);
  });
});
