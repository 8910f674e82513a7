import { describe, expect, test } from "vitest";
import { judgeNode, type NodeRules, roleOf } from "../../../../checkers/galera/judge.ts";
import { type NodeFacts, parseNode } from "../../../../checkers/galera/node.ts";
import { createRoles } from "../../../../checkers/galera/roles.ts";
import { createWeigh, type WeightRule } from "../../../../checkers/galera/weight.ts";
import { galera } from "../../../../checkers/galera.ts";
import { ask } from "../../../../src/check/probe.ts";
import type { OptionValues } from "../../../../src/core/option.ts";
import { releaseLater } from "../../../support/releases.ts";
import { type ScriptedAnswer, startScriptedMysql } from "../../../support/scripted-mysql.ts";
import { serviceContext } from "../../../support/service-context.ts";

const RULES: NodeRules = { donor: "last", requireWritable: false };
const SYNCED: NodeFacts = {
  clusterStatus: "Primary",
  clusterSize: 3,
  isConnected: true,
  isReady: true,
  localState: 4,
  stateWord: "Synced",
  isDesyncedByHand: false,
  rejects: "NONE",
  maintMode: undefined,
  isReadOnly: false,
  receiveQueue: 0,
  pausedNs: 0,
  pausesSent: 0,
  pausesReceived: 0,
};
const judge = (facts: Partial<NodeFacts>, rules: Partial<NodeRules> = {}, othersSynced = true) =>
  judgeNode({ ...SYNCED, ...facts }, { ...RULES, ...rules }, () => othersSynced);

describe("a node is", () => {
  test.each<[string, Partial<NodeFacts>, string, string]>([
    ["up when it is synced", {}, "up", "synced"],
    ["up when Percona's maintenance mode is off", { maintMode: "DISABLED" }, "up", "synced"],
    ["drained in maintenance", { maintMode: "MAINTENANCE" }, "drain", "maintenance mode (pxc_maint_mode=MAINTENANCE)"],
    ["drained while it shuts down", { maintMode: "SHUTDOWN" }, "drain", "maintenance mode (pxc_maint_mode=SHUTDOWN)"],
    [
      "down outside of the primary component",
      { clusterStatus: "non-Primary" },
      "down",
      "non-Primary component: it has no quorum",
    ],
    [
      "down when it is not connected",
      { isConnected: false },
      "down",
      "not connected to the cluster (wsrep_connected=OFF)",
    ],
    ["down when it is not ready", { isReady: false }, "down", "takes no queries yet (wsrep_ready=OFF)"],
    ["down while it joins", { localState: 1, stateWord: "Joining" }, "down", "not synced: Joining"],
    [
      "down when it has joined and still catches up",
      { localState: 3, stateWord: "Joined" },
      "down",
      "not synced: Joined",
    ],
    [
      "down when it rejects queries",
      { rejects: "ALL_KILL" },
      "down",
      "rejects queries (wsrep_reject_queries=ALL_KILL)",
    ],
    ["down when it is none", { clusterStatus: undefined }, "down", "not a Galera node (wsrep_on=OFF)"],
    [
      "down when its server runs without a cluster",
      { clusterStatus: "Disconnected" },
      "down",
      "outside of the cluster (wsrep_cluster_status=Disconnected)",
    ],
    ["down in a state that has no word", { localState: 3, stateWord: "" }, "down", "not synced: wsrep_local_state=3"],
    [
      "down while it is desynced by hand",
      { localState: 2, isDesyncedByHand: true },
      "down",
      "desynced by hand (wsrep_desync=ON)",
    ],
    ["down as a donor while another is synced", { localState: 2 }, "down", "donor/desynced"],
  ])("%s", (_, facts, state, reason) => {
    expect(judge(facts)).toMatchObject({ state, reason });
  });

  test("up as a donor where that is allowed, or no other is synced; a synced one is the better choice", () => {
    const donor = { localState: 2 } as const;
    expect(judge(donor, { donor: "always" })).toEqual({ state: "up", reason: "donor/desynced", rank: [1] });
    expect(judge(donor, {}, false)).toMatchObject({ state: "up", rank: [1] });
    expect(judge(donor, { donor: "never" }, false)).toMatchObject({ state: "down" });
    expect(judge({})).toMatchObject({ rank: [0] });
  });

  test("for the others not what its read_only says, but what was asked for", () => {
    expect(roleOf(SYNCED, RULES)).toBe("synced");
    expect(roleOf({ ...SYNCED, localState: 2 }, RULES)).toBe("donor");
    expect(roleOf({ ...SYNCED, isReadOnly: true }, { ...RULES, requireWritable: true })).toBe("unfit");
    expect(roleOf({ ...SYNCED, maintMode: "MAINTENANCE" }, RULES)).toBe("unfit");
  });
});

describe("the last one", () => {
  test("is nobody before all the others were asked", () => {
    const roles = createRoles(["a", "b", "c"]);
    expect(roles.othersSynced("a", 3)).toBe(true);
    roles.set("b", "donor");
    expect(roles.othersSynced("a", 3)).toBe(true);
    roles.set("c", "unfit");
    expect(roles.othersSynced("a", 3)).toBe(false);
    roles.set("a", "synced");
    expect(roles.othersSynced("a", 3)).toBe(false);
    roles.forget("c");
    expect(roles.othersSynced("a", 3)).toBe(true);
  });

  test("does not wait for one that refuses us from the beginning, and does for one that did not before", () => {
    const roles = createRoles(["a", "b"]);
    roles.doubt("b");
    expect(roles.othersSynced("a", 2)).toBe(false);
    roles.set("b", "synced");
    roles.doubt("b");
    expect(roles.othersSynced("a", 2)).toBe(true);
  });

  test("of a tag with one node is the only one in its cluster", () => {
    const roles = createRoles(["a"]);
    expect(roles.othersSynced("a", 2)).toBe(true);
    expect(roles.othersSynced("a", 1)).toBe(false);
  });
});

describe("a weight", () => {
  const SECOND_MS = 1_000;

  /** What is said when a node is asked once a second. */
  function weights(rule: WeightRule, each: readonly Partial<NodeFacts>[]): readonly (number | undefined)[] {
    const weigh = createWeigh(rule);
    return each.map((facts, at) => weigh({ ...SYNCED, ...facts }, at * SECOND_MS));
  }
  const queues = (lengths: readonly number[]) =>
    weights(
      "queue",
      lengths.map((receiveQueue) => ({ receiveQueue })),
    );
  const repeat = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value);

  test("goes down with the write-sets that wait, a percent for each, and never to nothing", () => {
    expect(queues([30])).toEqual([70]);
    expect(queues([5_000])).toEqual([1]);
  });

  test("follows the average of ten seconds, so that one busy second is not the end", () => {
    expect(queues([0, 0, 0, 0, 60])).toEqual([100, 100, 100, 100, 88]);
    expect(queues([40, ...repeat(20, 0)]).at(-1)).toBe(100);
  });

  test("moves by ten percent or not at all, so that HAProxy does not hear of each write-set", () => {
    expect(new Set(queues(repeat(20, [3, 9, 0, 6]).flat()))).toEqual(new Set([97]));
    expect(queues(repeat(12, 5)).at(-1)).toBe(95);
    expect(queues([...repeat(5, 5), ...repeat(11, 14)]).at(-1)).toBe(95);
    expect(queues([...repeat(5, 5), ...repeat(11, 15)]).at(-1)).toBe(85);
  });

  test("goes back to 100 as soon as nothing has waited for ten seconds", () => {
    expect(queues([60, ...repeat(10, 0)]).at(-1)).toBeLessThan(100);
    expect(queues([60, ...repeat(11, 0)]).at(-1)).toBe(100);
  });

  test("goes down with the time that the cluster was held up, by who asked for it", () => {
    const held = (at: number) => ({ pausedNs: at * 400 * 1e6, pausesReceived: at * 10 });
    const seconds = [0, 1, 2, 3];
    const asked = (each: number) =>
      weights(
        "flow-control",
        seconds.map((at) => ({ ...held(at), pausesSent: at * each })),
      );
    expect(asked(10)).toEqual([undefined, 60, 60, 60]);
    expect(asked(5)).toEqual([undefined, 80, 80, 80]);
    expect(asked(0)).toEqual([undefined, 100, 100, 100]);
  });

  test("stays down in a pause that goes on without another request", () => {
    const second = (pausedMs: number, requests: number) => ({
      pausedNs: pausedMs * 1e6,
      pausesSent: requests,
      pausesReceived: requests,
    });
    const said = weights("flow-control", [
      second(0, 0),
      ...Array.from({ length: 20 }, (_, at) => second((at + 1) * 500, 1)),
    ]);
    expect(said.slice(1)).toEqual(repeat(20, 50));
  });

  test("begins anew with the server's counters", () => {
    const second = (pausedMs: number) => ({ pausedNs: pausedMs * 1e6, pausesSent: 1, pausesReceived: 1 });
    const said = weights("flow-control", [{ pausedNs: 5_000 * 1e6 }, second(5_500), { pausedNs: 0 }, { pausedNs: 0 }]);
    expect(said).toEqual([undefined, 50, 50, 100]);
  });

  test("is not given when nobody asked for it", () => {
    expect(weights("none", [{ receiveQueue: 50 }])).toEqual([undefined]);
  });
});

test("names decide, in whatever order and spelling the rows come", () => {
  const row = (name: string, value: string) => ({ Variable_name: name, Value: value });
  const facts = parseNode(
    [
      row("WSREP_READY", "ON"),
      row("wsrep_local_state", "4"),
      row("wsrep_connected", "ON"),
      row("wsrep_cluster_status", "Primary"),
    ],
    [row("read_only", "OFF"), row("unknown_to_us", "x")],
  );
  expect(facts).toMatchObject({
    clusterStatus: "Primary",
    isReady: true,
    isConnected: true,
    localState: 4,
    maintMode: undefined,
  });
  expect(parseNode([], [])).toMatchObject({ clusterStatus: undefined, localState: 0, isReadOnly: false });
});

test.each([
  ["OFF", false],
  ["ON", true],
  ["NO_LOCK_NO_ADMIN", true],
])("read_only=%s: takes no writes is %s", (value, isReadOnly) => {
  expect(parseNode([], [{ Variable_name: "read_only", Value: value }])).toMatchObject({ isReadOnly });
});

/** The values of a node that is well, with these in place of some. */
async function scriptedNode(values: Readonly<Record<string, string>>, version: string, options: OptionValues = {}) {
  const all: Record<string, string> = {
    wsrep_cluster_status: "Primary",
    wsrep_cluster_size: "1",
    wsrep_connected: "ON",
    wsrep_ready: "ON",
    wsrep_local_state: "4",
    wsrep_on: "ON",
    wsrep_reject_queries: "NONE",
    read_only: "OFF",
    ...values,
  };
  const STATUS = /^wsrep_(cluster_|connected|ready|local_)/;
  const server = await startScriptedMysql({
    version,
    answer: (statement): ScriptedAnswer =>
      Object.entries(all)
        .filter(([name]) => STATUS.test(name) === statement.startsWith("SHOW GLOBAL STATUS"))
        .map(([name, value]) => ({ Variable_name: name, Value: value })),
  });
  const target = { host: server.address, port: server.port };
  const probe = galera.create({ server: [target], user: "u", ...options }, serviceContext()).open(target);
  releaseLater("probe", () => probe.close());
  return { server, values: all, verdict: () => ask(probe, 5_000, new AbortController().signal) };
}

describe("Percona XtraDB Cluster, as it words things", () => {
  test.each([
    ["DISABLED", { state: "up", reason: "synced" }],
    ["MAINTENANCE", { state: "drain", reason: "maintenance mode (pxc_maint_mode=MAINTENANCE)" }],
    ["SHUTDOWN", { state: "drain", reason: "maintenance mode (pxc_maint_mode=SHUTDOWN)" }],
  ])("pxc_maint_mode=%s", async (mode, expected) => {
    const { verdict } = await scriptedNode({ pxc_maint_mode: mode }, "8.0.36-28.1");
    expect(await verdict()).toMatchObject(expected);
  });
});

test("a donor that catches up is used like a donor until it is synced, and one that joins is not", async () => {
  const { values, verdict } = await scriptedNode(
    { wsrep_local_state: "3", wsrep_local_state_comment: "Joined" },
    "10.11",
  );
  expect(await verdict()).toEqual({ state: "down", reason: "not synced: Joined" });
  for (const [state, reason] of [
    ["2", "donor/desynced, but no other node is synced"],
    ["3", "donor/desynced, but no other node is synced"],
    ["3", "donor/desynced, but no other node is synced"],
    ["4", "synced"],
  ]) {
    values["wsrep_local_state"] = state ?? "";
    expect(await verdict()).toMatchObject({ state: "up", reason });
  }
});

test.each([
  [{}, { state: "up" }],
  [{ publish: "all" }, { state: "up" }],
  [{ "require-writable": true }, { state: "down", reason: "takes no writes (read_only=ON)" }],
  [{ publish: "writer" }, { state: "down", reason: "takes no writes (read_only=ON)" }],
])("a node that takes no writes, with %o", async (options, expected) => {
  const { verdict } = await scriptedNode({ read_only: "ON" }, "10.11", options);
  expect(await verdict()).toMatchObject(expected);
});

test("a round is two questions on one connection", async () => {
  const { server, verdict } = await scriptedNode({}, "10.11");
  await verdict();
  await verdict();
  expect(server.statements).toHaveLength(4);
  expect(server.connections()).toBe(1);
});
