import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type AgentEnd, agentEffects } from "../../src/core/agent-effects.ts";
import { answerAll, effectIn, isAsking, startAgentServers } from "../support/agent-servers.ts";
import { eventually } from "../support/eventually.ts";
import { type Haproxy, type HaproxyPlace, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import { type ScriptedAgent, type ScriptedAnswer, startScriptedAgent } from "../support/scripted-agent.ts";

/** Waits until a server's line has this in it, and no question is under way. */
function until(haproxy: Haproxy, expected: Readonly<Record<string, string>>, server = "s") {
  return eventually(`b/${server} has ${JSON.stringify(expected)}`, async () => {
    const row = await serverStat(haproxy, "b", server);
    return !isAsking(row) && Object.entries(expected).every(([column, value]) => row[column] === value) && row;
  });
}

/** A backend `b` with one server `s`, which asks this agent and waits for it as long as agent-inter is. */
async function startOne(agent: ScriptedAgent, settings = ""): Promise<Haproxy> {
  const asks = `agent-check agent-addr ${agent.address} agent-port ${agent.port} agent-inter 100ms`;
  const config = (place: HaproxyPlace) =>
    `${haproxyHead(place)}backend b\n    server s ${agent.server} ${asks} ${settings}\n`;
  return startHaproxy({ config });
}

/** Says it, and waits until it was asked again behind it: HAProxy has taken it in. */
async function sayAndWait(agent: ScriptedAgent, answer: ScriptedAnswer): Promise<void> {
  agent.say(answer);
  await agent.asked(2);
}

// A line without its end is no row here: HAProxy before 3.4 looks for the end behind what came, in what is left of
// other answers there, and 2.6 was seen to take servers down by it.
describe("no answer changes nothing", () => {
  const HOLD = { pieces: [], end: "hold" } as const;
  const RESET = { pieces: [], end: "reset" } as const;

  test.each<[string, ScriptedAnswer, AgentEnd]>([
    ["closes at once", "", "closed"],
    ["says nothing", HOLD, "late"],
    ["breaks off", RESET, "reset"],
  ])("when the agent %s", async (_, silence, end) => {
    const agent = await startScriptedAgent();
    const haproxy = await startOne(agent, "weight 100");
    for (const [before, status] of [
      ["50% down\n", "DOWN (agent)"],
      ["60% ready up\n", "no check"],
      ["70% drain up\n", "DRAIN (agent)"],
    ] as const) {
      await sayAndWait(agent, before);
      const { weight } = effectIn(await until(haproxy, { status }));
      agent.say(silence);
      await until(haproxy, { status, uweight: weight, agent_status: agentEffects("", end).shown.status ?? "" });
    }
  });

  test("when there is no agent any more; a server that is down stays down, until the agent is back and says up", async () => {
    const agent = await startScriptedAgent();
    const haproxy = await startOne(agent);
    agent.say("down #lag 35 s\n");
    await until(haproxy, { status: "DOWN (agent)" });
    await agent.close();
    await until(haproxy, { status: "DOWN (agent)", agent_status: agentEffects("", "refused").shown.status ?? "" });
    agent.say("up\n");
    await agent.listen();
    await until(haproxy, { status: "no check", agent_status: "L7OK" });
  });
});

describe("a server without a health check that its agent has taken down", () => {
  test("is used again after a reload, if the agent is gone by then", async () => {
    const agent = await startScriptedAgent();
    const haproxy = await startOne(agent);
    agent.say("down\n");
    await until(haproxy, { status: "DOWN (agent)" });
    await agent.close();
    expect(await haproxy.reload()).toBe(true);
    await until(haproxy, { status: "no check", agent_status: "L4CON" });
  });

  test("stays down over a reload with a state file", async () => {
    const agent = await startScriptedAgent();
    const place = { file: "" };
    const asks = `agent-check agent-addr ${agent.address} agent-port ${agent.port} agent-inter 100ms`;
    const haproxy = await startHaproxy({
      config: (at) => {
        place.file = join(at.dir, "state");
        writeFileSync(place.file, "1\n");
        return `global\n    server-state-file ${place.file}\n${haproxyHead(at)}    load-server-state-from-file global
backend b
    server s ${agent.server} ${asks}
`;
      },
    });
    agent.say("down\n");
    await until(haproxy, { status: "DOWN (agent)" });
    await agent.close();
    writeFileSync(place.file, `${await haproxy.cli("show servers state")}\n`);
    expect(await haproxy.reload()).toBe(true);
    const { status } = await until(haproxy, { agent_status: "L4CON" });
    expect(status).toMatch(/^DOWN/);
  });
});

describe("beside the agent", () => {
  test("a server is down as long as its health check fails, whatever the agent says", async () => {
    const agent = await startScriptedAgent();
    const asks = `agent-check agent-addr ${agent.address} agent-port ${agent.port} agent-inter 100ms`;
    agent.say("ready up 100%\n");
    const haproxy = await startHaproxy({
      config: (place) => `${haproxyHead(place)}backend b
    server s ${agent.address}:${agent.port + 1} ${asks} check inter 100ms rise 1 fall 1
`,
    });
    await until(haproxy, { status: "DOWN", agent_status: "L7OK", check_status: "L4CON" });
    await agent.asked(3);
    await until(haproxy, { status: "DOWN", agent_status: "L7OK", check_status: "L4CON" });
  });

  test("set server … agent down holds until the agent is asked again", async () => {
    const agent = await startScriptedAgent();
    agent.say("up\n");
    const haproxy = await startOne(agent);
    await until(haproxy, { agent_status: "L7OK" });
    agent.say("\n");
    await agent.asked(2);
    await haproxy.cli("set server b/s agent down");
    await until(haproxy, { status: "DOWN (agent)", agent_status: "CHECKED" });
    agent.say("up\n");
    await until(haproxy, { status: "no check", agent_status: "L7OK" });
  });

  test("a person's maintenance and weight outlive up, not ready up 100%", async () => {
    const agent = await startScriptedAgent();
    agent.say("up\n");
    const haproxy = await startOne(agent, "weight 100");
    await until(haproxy, { agent_status: "L7OK" });
    await haproxy.cli("set server b/s state maint; set server b/s weight 30");
    await agent.asked(3);
    await until(haproxy, { status: "MAINT", uweight: "30", agent_status: "L7OK" });
    await sayAndWait(agent, "ready up 100%\n");
    await until(haproxy, { status: "no check", uweight: "100" });
  });

  test("a person's maintenance becomes a drain by the agent's drain", async () => {
    const agent = await startScriptedAgent();
    agent.say("up\n");
    const haproxy = await startOne(agent);
    await until(haproxy, { agent_status: "L7OK" });
    await haproxy.cli("set server b/s state maint");
    await sayAndWait(agent, "drain up\n");
    await until(haproxy, { status: "DRAIN (agent)" });
  });
});

test("several servers may share one agent, each known by its agent-send", async () => {
  const servers = await startAgentServers(["one", "two"], { settings: "weight 100" });
  const seen = await answerAll(servers, ["75% up\n", "down #lag 35 s\n"]);
  expect(seen).toMatchObject([
    { status: "no check", weight: "75" },
    { status: "DOWN (agent)", weight: "100", said: "via agent : down (lag 35 s)" },
  ]);
});
