import { describe, expect, test } from "vitest";
import { judgeRest } from "../../../../checkers/patroni/rest.ts";
import { parseRole } from "../../../../checkers/patroni/roles.ts";

/** As Patroni writes it when PostgreSQL has answered its query. */
const RUNNING = { state: "running", postmaster_start_time: "2026-01-01 00:00:00+00:00", server_version: 150_000 };

function judge(word: string, status: number, document: unknown) {
  const role = parseRole(word);
  if (role === undefined) throw new Error(`${word} is no health check`);
  return judgeRest({ status, body: typeof document === "string" ? document : JSON.stringify(document) }, role);
}

describe("Patroni says yes", () => {
  test.each([
    ["primary", { ...RUNNING, role: "master" }, "it is the primary"],
    ["primary", { ...RUNNING, role: "primary" }, "it is the primary"],
    ["replica", { ...RUNNING, role: "replica" }, "it is a replica"],
    ["standby-leader", { ...RUNNING, role: "standby_leader" }, "it is the standby leader"],
    ["standby-leader", { ...RUNNING, role: "replica" }, "it is a replica"],
    ["leader", { ...RUNNING, role: "standby_leader" }, "it is the standby leader"],
    ["read-only", { ...RUNNING, role: "primary" }, "it is the primary"],
    ["primary", { ...RUNNING, role: "primary", state: "restarting" }, "it is the primary"],
    ["primary", { ...RUNNING, role: "primary", state: "a state of tomorrow" }, "it is the primary"],
    ["replica", { ...RUNNING, role: "a role of tomorrow" }, "it is a role of tomorrow"],
    ["readiness", "", "Patroni says yes to /readiness"],
    ["health", "[]", "Patroni says yes to /health"],
    ["health", "null", "Patroni says yes to /health"],
    ["primary", { role: 7, state: null }, "Patroni says yes to /primary"],
  ])("to /%s with %j: up", (word, document, reason) => {
    expect(judge(word, 200, document)).toEqual({ state: "up", reason });
  });

  test.each([
    ["primary", { ...RUNNING, role: "replica" }, "PostgreSQL is still a replica"],
    ["replica", { ...RUNNING, role: "master" }, "PostgreSQL is a primary"],
    ["primary", { state: "unknown", role: "master" }, "PostgreSQL does not answer Patroni"],
    ["primary", { state: "crashed", role: "master" }, "PostgreSQL is not running (crashed)"],
    ["primary", { state: "stopping", role: "master" }, "PostgreSQL is not running (stopping)"],
    ["primary", { state: "starting", role: "master" }, "PostgreSQL is not running (starting)"],
    ["primary", { state: "restarting", role: "master" }, "PostgreSQL is not running (restarting)"],
    ["leader", { state: "start failed", role: "master" }, "PostgreSQL is not running (start failed)"],
  ])("to /%s, but its document %j says otherwise: down", (word, document, but) => {
    expect(judge(word, 200, document)).toEqual({ state: "down", reason: `Patroni says yes to /${word}, but ${but}` });
  });
});

describe("Patroni says no", () => {
  test.each([
    ["primary", { ...RUNNING, role: "replica" }, "it is a replica"],
    ["replica", { ...RUNNING, role: "primary" }, "it is the primary"],
    ["replica?lag=1MB", { ...RUNNING, role: "replica" }, "it is a replica, but Patroni says no to /replica?lag=1MB"],
    ["primary", { ...RUNNING, role: "master" }, "it is the primary, but Patroni says no to /primary"],
    [
      "primary",
      { ...RUNNING, role: "replica", cluster_unlocked: true },
      "it is a replica, and the cluster has no leader",
    ],
    ["primary", { state: "stopped", role: "demoted" }, "PostgreSQL is not running (stopped)"],
    ["replica", { state: "creating replica", role: "uninitialized" }, "PostgreSQL is not running (creating replica)"],
    ["primary", { ...RUNNING, role: "demoted" }, "it is demoted"],
    ["liveness", "", "Patroni answers 503 to /liveness"],
    ["primary", "<html>", "Patroni answers 503 to /primary"],
  ])("to /%s with %j: down", (word, document, reason) => {
    expect(judge(word, 503, document)).toEqual({ state: "down", reason });
  });

  test.each([204, 301, 404, 500, 502])("with %d, which it never says: down", (status) => {
    expect(judge("primary", status, { ...RUNNING, role: "master" })).toEqual({
      state: "down",
      reason: `Patroni answers ${status} to /primary`,
    });
  });
});
