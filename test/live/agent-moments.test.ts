import { describe, expect, test } from "vitest";
import type { Verdict } from "../../src/core/verdict.ts";
import { startAgentChecker } from "../support/agent-checker.ts";

const UP: Verdict = { state: "up", reason: "well" };
const DOWN: Verdict = { state: "down", reason: "lag 35 s" };

/** What a server without a health check of HAProxy's own is called while it is up. */
const IN_USE = "no check";

describe("while it starts", () => {
  test("the agent has no opinion before the first verdict: the server stays as it was, down or up", async () => {
    const { until, decide, restart } = await startAgentChecker({ verdict: DOWN });
    await until({ status: "DOWN (agent)", agent_status: "L7STS" });
    decide("hang");
    await restart("--timeout", "1h");
    await until({ status: "DOWN (agent)", agent_status: "CHECKED", last_agt: "" });
    decide(UP);
    await restart();
    await until({ status: IN_USE, agent_status: "L7OK" });
    decide("hang");
    await restart("--timeout", "1h");
    await until({ status: IN_USE, agent_status: "CHECKED", last_agt: "" });
  });

  test("it says what it was told to say, until the first verdict", async () => {
    const { until, decide, restart } = await startAgentChecker({ verdict: UP });
    await until({ status: IN_USE, agent_status: "L7OK" });
    decide("hang");
    await restart("--timeout", "1h", "--on-starting", "down #starting");
    await until({ status: "DOWN (agent)", last_agt: "via agent : down (starting)" });
    decide(UP);
    await restart("--on-starting", "down #starting");
    await until({ status: IN_USE, agent_status: "L7OK" });
  });
});

describe("when the last verdict is too old", () => {
  /** A fresh look at each question; the agent waits for it for 1.5 s, and then goes by the one before. */
  const ARGS = ["--interval", "0", "--timeout", "1900ms", "--stale-after", "2s"];
  const TOO_SLOW_MS = 1_700;

  test("the server is down, and up again with the next one", async () => {
    const { until, decide, restart } = await startAgentChecker({ verdict: UP, args: ARGS, agentInter: "2500ms" });
    await until({ status: IN_USE, agent_status: "L7OK" });
    decide(UP, TOO_SLOW_MS);
    await until({ status: "DOWN (agent)", last_agt: "via agent : down (stale)" });
    decide(UP);
    await until({ status: IN_USE, agent_status: "L7OK" });
    await restart(...ARGS, "--on-stale", "");
    await until({ status: IN_USE, agent_status: "L7OK" });
    decide(UP, TOO_SLOW_MS);
    await until({ status: IN_USE, agent_status: "CHECKED", last_agt: "" });
  });
});

describe("while it stops", () => {
  test("the agent has no opinion, and then is gone: the server stays as it was", async () => {
    const { until, program, restart, decide } = await startAgentChecker({ verdict: UP, args: ["--stop-delay", "2s"] });
    await until({ status: IN_USE, agent_status: "L7OK" });
    program.signal("SIGTERM");
    await until({ status: IN_USE, agent_status: "CHECKED", last_agt: "" });
    await until({ status: IN_USE, agent_status: "L4CON" });
    expect((await program.exited).code).toBe(0);
    decide(DOWN);
    await restart();
    await until({ status: "DOWN (agent)", agent_status: "L7STS" });
  });

  test("it says what it was told to say, and the next one takes it back", async () => {
    const args = ["--stop-delay", "1h", "--on-stopping", "drain"];
    const { until, program, restart } = await startAgentChecker({ verdict: UP, args });
    await until({ status: IN_USE, agent_status: "L7OK" });
    program.signal("SIGTERM");
    await until({ status: "DRAIN (agent)" });
    await program.kill();
    await restart();
    await until({ status: IN_USE, agent_status: "L7OK" });
  });
});

describe("when it is killed", () => {
  test("the server stays as it was, and follows the next one at once", async () => {
    const { until, program, restart, decide } = await startAgentChecker({ verdict: DOWN });
    await until({ status: "DOWN (agent)", agent_status: "L7STS" });
    await program.kill();
    await until({ status: "DOWN (agent)", agent_status: "L4CON" });
    decide(UP);
    await restart();
    await until({ status: IN_USE, agent_status: "L7OK" });
  });

  test("or hangs, HAProxy does not wait for it longer than it may", async () => {
    const { until, program } = await startAgentChecker({ verdict: UP, checkTimeout: "200ms" });
    await until({ status: IN_USE, agent_status: "L7OK" });
    program.pause();
    await until({ status: IN_USE, agent_status: "L7TOUT" });
    program.resume();
    await until({ status: IN_USE, agent_status: "L7OK" });
  });
});
