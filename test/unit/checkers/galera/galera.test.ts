import { describe, expect, test } from "vitest";
import { judgeNode, type NodeRules, roleOf } from "../../../../checkers/galera/judge.ts";
import { type NodeFacts, parseNode } from "../../../../checkers/galera/node.ts";
import { createRoles } from "../../../../checkers/galera/roles.ts";
import { createWeigh } from "../../../../checkers/galera/weight.ts";
import { galera } from "../../../../checkers/galera.ts";
import { ask } from "../../../../src/check/probe.ts";
import { releaseLater } from "../../../support/releases.ts";
import { type ScriptedAnswer, startScriptedMysql } from "../../../support/scripted-mysql.ts";
import { serviceContext } from "../../../support/service-context.ts";

const RULES: NodeRules = { donor: "last", requireWritable: false };
const SYNCED: NodeFacts = {
  clusterStatus: "Primary",
  isConnected: true,
  isReady: true,
  localState: 4,
  stateWord: "Synced",
  rejects: "NONE",
  maintMode: undefined,
  isReadOnly: false,
  receiveQueue: 0,
  pausedNs: 0,
};
const judge = (facts: Partial<NodeFacts>, rules: Partial<NodeRules> = {}, othersSynced = true) =>
  judgeNode({ ...SYNCED, ...facts }, { ...RULES, ...rules }, () => othersSynced);

describe("a node is", () => {
  test.each<[string, Partial<NodeFacts>, string, string]>([
    ["up when it is synced", {}, "up", "synced"],
    ["up when Percona's maintenance mode is off", { maintMode: "DISABLED" }, "up", "synced"],
    [
      "drained in maintenance",
      { maintMode: "MAINTENANCE" },
      "drain",
      "it is taken out of use there (pxc_maint_mode is MAINTENANCE)",
    ],
    [
      "drained while it shuts down",
      { maintMode: "SHUTDOWN" },
      "drain",
      "it is taken out of use there (pxc_maint_mode is SHUTDOWN)",
    ],
    [
      "down outside of the primary component",
      { clusterStatus: "non-Primary" },
      "down",
      "its part of the cluster may not take writes (non-Primary)",
    ],
    [
      "down when it is not connected",
      { isConnected: false },
      "down",
      "it is not connected to the cluster (wsrep_connected is OFF)",
    ],
    ["down when it is not ready", { isReady: false }, "down", "it takes no queries yet (wsrep_ready is OFF)"],
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
      "it rejects queries (wsrep_reject_queries is ALL_KILL)",
    ],
    ["down when it is none", { clusterStatus: undefined }, "down", "it is no Galera node (wsrep_on is OFF)"],
    ["down as a donor while another is synced", { localState: 2 }, "down", "it is a donor or desynced"],
  ])("%s", (_, facts, state, reason) => {
    expect(judge(facts)).toMatchObject({ state, reason });
  });

  test("up as a donor where that is allowed, or no other is synced; a synced one is the better choice", () => {
    const donor = { localState: 2 } as const;
    expect(judge(donor, { donor: "always" })).toEqual({ state: "up", reason: "donor or desynced", rank: [1] });
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

test("nobody is the last before all the others were asked", () => {
  const roles = createRoles(["a", "b", "c"]);
  expect(roles.othersSynced("a")).toBe(true);
  roles.set("b", "donor");
  expect(roles.othersSynced("a")).toBe(true);
  roles.set("c", "unfit");
  expect(roles.othersSynced("a")).toBe(false);
  roles.set("a", "synced");
  expect(roles.othersSynced("a")).toBe(false);
  roles.forget("c");
  expect(roles.othersSynced("a")).toBe(true);
});

describe("a weight", () => {
  test("follows the queue in steps, so that HAProxy does not hear of each write-set", () => {
    const weigh = createWeigh("queue");
    const at = (receiveQueue: number) => weigh({ ...SYNCED, receiveQueue }, 0);
    expect([0, 5, 9, 10, 15, 21, 500, 95, 0].map(at)).toEqual([100, 100, 100, 90, 90, 79, 1, 1, 100]);
  });

  test("follows the time that flow control took since the last question", () => {
    const weigh = createWeigh("flow-control");
    const at = (pausedMs: number, nowMs: number) => weigh({ ...SYNCED, pausedNs: pausedMs * 1e6 }, nowMs);
    expect(at(5_000, 0)).toBeUndefined();
    expect(at(5_000, 1_000)).toBe(100);
    expect(at(5_400, 2_000)).toBe(60);
    expect(at(0, 3_000)).toBe(60);
    expect(at(0, 4_000)).toBe(100);
  });

  test("is not given when nobody asked for it", () => {
    expect(createWeigh("none")({ ...SYNCED, receiveQueue: 50 }, 0)).toBeUndefined();
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
  expect(parseNode([], [])).toMatchObject({ clusterStatus: undefined, localState: 0 });
});

describe("Percona XtraDB Cluster, as it words things", () => {
  async function verdictOf(maintMode: string) {
    const status = {
      wsrep_cluster_status: "Primary",
      wsrep_connected: "ON",
      wsrep_ready: "ON",
      wsrep_local_state: "4",
    };
    const variables = { pxc_maint_mode: maintMode, wsrep_on: "ON", wsrep_reject_queries: "NONE", read_only: "OFF" };
    const rows = (values: Record<string, string>): ScriptedAnswer =>
      Object.entries(values).map(([name, value]) => ({ Variable_name: name, Value: value }));
    const server = await startScriptedMysql({
      version: "8.0.36-28.1",
      answer: (statement) => rows(statement.startsWith("SHOW GLOBAL STATUS") ? status : variables),
    });
    const target = { host: server.address, port: server.port };
    const probe = galera.create({ server: [target], user: "u" }, serviceContext()).open(target);
    releaseLater("probe", () => probe.close());
    return ask(probe, 5_000, new AbortController().signal);
  }

  test("is up, and drained in its maintenance mode", async () => {
    expect(await verdictOf("DISABLED")).toMatchObject({ state: "up" });
    expect(await verdictOf("MAINTENANCE")).toMatchObject({ state: "drain" });
  });
});
