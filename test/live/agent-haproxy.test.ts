import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { Verdict } from "../../src/core/verdict.ts";
import { startAgentChecker } from "../support/agent-checker.ts";
import { eventually } from "../support/eventually.ts";
import { haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startMemcached } from "../support/memcached.ts";
import { startProgram } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

const UP: Verdict = { state: "up", reason: "well" };
const DOWN: Verdict = { state: "down", reason: "lag 35 s" };
const DRAIN: Verdict = { state: "drain", reason: "it is draining" };
const UNKNOWN: Verdict = { state: "unknown", reason: "access denied" };

/** What a server without a health check of HAProxy's own is called while it is up. */
const IN_USE = "no check";

test("a memcached that dies is down in HAProxy, with the reason, and up when it is back", async () => {
  const memcached = await startMemcached();
  const host = `${await loopbackPrefix()}.1`;
  const where = ["--agent-port", "21999", "--agent-bind", host, "--state-dir", tempDir("state")];
  startProgram("checkers", [
    "memcached",
    "--tag",
    "mem1",
    "--server",
    memcached.server,
    "--interval",
    "50ms",
    ...where,
  ]);
  const asks = `agent-check agent-addr ${host} agent-port 21999 agent-inter 100ms agent-send "memcached/mem1\\n"`;
  const haproxy = await startHaproxy({
    config: (place) => `${haproxyHead(place)}    timeout check 10s
backend b
    server s ${memcached.server} check inter 100ms rise 1 fall 1 ${asks}
`,
  });
  const until = (expected: Readonly<Record<string, string>>) =>
    eventually(`the server has ${JSON.stringify(expected)}`, async () => {
      const row = await serverStat(haproxy, "b", "s");
      return Object.entries(expected).every(([column, value]) => row[column] === value);
    });
  await until({ status: "UP", agent_status: "L7OK", last_agt: "via agent : up" });
  await memcached.kill();
  await until({ status: "DOWN (agent)", agent_status: "L7STS", last_agt: "via agent : down (connection refused)" });
  await memcached.restart();
  await until({ status: "UP", agent_status: "L7OK" });
});

describe("a verdict reaches HAProxy", () => {
  test("up and down, with the reason, as often as it changes", async () => {
    const { until, decide } = await startAgentChecker({ verdict: UP });
    for (const _ of [1, 2]) {
      await until({ status: IN_USE, agent_status: "L7OK" });
      decide(DOWN);
      await until({ status: "DOWN (agent)", agent_status: "L7STS", last_agt: "via agent : down (lag 35 s)" });
      decide(UP);
    }
    await until({ status: IN_USE, agent_status: "L7OK" });
  });

  test("with the weight and the maxconn that a check finds, also none and above 100 %", async () => {
    const { until, decide } = await startAgentChecker({ verdict: { ...UP, weightPercent: 75, maxconn: 7 } });
    await until({ status: IN_USE, uweight: "75", slim: "7" });
    decide({ ...UP, weightPercent: 150 });
    await until({ status: IN_USE, uweight: "150", slim: "7" });
    decide({ ...UP, weightPercent: 0 });
    await until({ status: IN_USE, uweight: "0" });
    decide({ ...UP, weightPercent: 100, maxconn: 50 });
    await until({ status: IN_USE, uweight: "100", slim: "50" });
  });

  test("unless it is unknown: then the server stays as it was", async () => {
    const { until, decide } = await startAgentChecker({ verdict: { ...UP, weightPercent: 60 } });
    await until({ status: IN_USE, uweight: "60", agent_status: "L7OK" });
    decide(UNKNOWN);
    await until({ status: IN_USE, uweight: "60", agent_status: "CHECKED", last_agt: "" });
    decide(DOWN);
    await until({ status: "DOWN (agent)", agent_status: "L7STS" });
    decide(UNKNOWN);
    await until({ status: "DOWN (agent)", agent_status: "CHECKED", last_agt: "" });
    decide(UP);
    await until({ status: IN_USE, agent_status: "L7OK" });
  });

  test("and what is said of an unknown one can be chosen", async () => {
    const { until, decide } = await startAgentChecker({ verdict: UP, args: ["--on-unknown", "down #unknown"] });
    await until({ status: IN_USE, agent_status: "L7OK" });
    decide(UNKNOWN);
    await until({ status: "DOWN (agent)", last_agt: "via agent : down (unknown)" });
    decide(UP);
    await until({ status: IN_USE });
  });

  test("of one server of a tag, by agent-send; words that mean nobody change nothing", async () => {
    const { until, decide } = await startAgentChecker({
      verdict: DOWN,
      checked: "10.0.0.5:3306,10.0.0.6:3306",
      servers: ["db", "decided/db", "decided/db/10.0.0.5:3306", "decided/nobody", "decided/db/10.0.0.9:3306"]
        .map((words, at) => `server s${at} 127.0.0.1:1 AGENT agent-send "${words}\\n"`)
        .join("\n"),
    });
    for (const server of ["s0", "s1", "s2"]) await until({ status: "DOWN (agent)" }, server);
    for (const server of ["s3", "s4"]) await until({ status: IN_USE, agent_status: "CHECKED", last_agt: "" }, server);
    decide(UP);
    for (const server of ["s0", "s1", "s2"]) await until({ status: IN_USE, agent_status: "L7OK" }, server);
  });
});

describe("a drain", () => {
  test("lets the sessions live that are there, keeps new ones off, and ends by ready", async () => {
    const [one, other] = [await startEcho("one"), await startEcho("other")];
    const checker = await startAgentChecker({
      verdict: UP,
      servers: `server s ${one} weight 200 AGENT\nserver t ${other} weight 1 backup`,
    });
    const { until, decide } = checker;
    await until({ status: IN_USE, agent_status: "L7OK" });
    const session = await connect(checker.frontend);
    expect(await session.say("a")).toBe("one: a");
    decide(DRAIN);
    await until({ status: "DRAIN (agent)", agent_status: "L7OK" });
    expect(await session.say("b")).toBe("one: b");
    expect(await (await connect(checker.frontend)).say("c")).toBe("other: c");
    expect(await session.say("d")).toBe("one: d");
    decide(UP);
    await until({ status: IN_USE, agent_status: "L7OK" });
    expect(await (await connect(checker.frontend)).say("e")).toBe("one: e");
  });

  test("of a server that was down is one when it is up again", async () => {
    const { until, decide } = await startAgentChecker({ verdict: DOWN });
    await until({ status: "DOWN (agent)" });
    decide(DRAIN);
    await until({ status: "DRAIN (agent)" });
    decide(DOWN);
    await until({ status: "DOWN (agent)" });
    decide(UP);
    await until({ status: IN_USE });
  });

  test("goes on while the check cannot tell, also in the next process, and ends when it is well", async () => {
    const { until, decide, restart, program } = await startAgentChecker({ verdict: DRAIN });
    await until({ status: "DRAIN (agent)", agent_status: "L7OK" });
    decide(UNKNOWN);
    await until({ status: "DRAIN (agent)", agent_status: "CHECKED", last_agt: "" });
    await program.kill();
    await until({ status: "DRAIN (agent)", agent_status: "L4CON" });
    await restart();
    await until({ status: "DRAIN (agent)", agent_status: "CHECKED", last_agt: "" });
    decide(UP);
    await until({ status: IN_USE, agent_status: "L7OK" });
  });

  test("is undone by the next process too, when this one was killed", async () => {
    const { until, decide, restart, program } = await startAgentChecker({ verdict: DRAIN });
    await until({ status: "DRAIN (agent)" });
    await program.kill();
    await until({ status: "DRAIN (agent)", agent_status: "L4CON" });
    decide(UP);
    await restart("--ready-for", "0s");
    await until({ status: IN_USE, agent_status: "L7OK" });
  });
});

describe("the sessions of a server", () => {
  test.each([
    ["down", DOWN],
    ["maint by hand", "maint"],
  ] as const)("end by %s, where haproxy.cfg says on-marked-down shutdown-sessions", async (_, how) => {
    const checker = await startAgentChecker({
      verdict: UP,
      servers: `server s ${await startEcho("one")} AGENT on-marked-down shutdown-sessions`,
    });
    const { until, decide, agent } = checker;
    await until({ status: IN_USE, agent_status: "L7OK" });
    const session = await connect(checker.frontend);
    expect(await session.say("a")).toBe("one: a");
    if (how === "maint") await agent("maint", "db");
    else decide(how);
    await session.ended;
  });

  test("live on when it is down, where haproxy.cfg does not say so", async () => {
    const checker = await startAgentChecker({ verdict: UP, servers: `server s ${await startEcho("one")} AGENT` });
    const { until, decide } = checker;
    await until({ status: IN_USE, agent_status: "L7OK" });
    const session = await connect(checker.frontend);
    expect(await session.say("a")).toBe("one: a");
    decide(DOWN);
    await until({ status: "DOWN (agent)" });
    expect(await session.say("b")).toBe("one: b");
  });
});

describe("what a person sets in HAProxy outlives what we say of a server that is up", () => {
  test.each([
    ["maint", "MAINT"],
    ["drain", "DRAIN"],
  ])("state %s", async (state, status) => {
    const { until, decide, haproxy, restart } = await startAgentChecker({ verdict: UP });
    await until({ status: IN_USE, agent_status: "L7OK" });
    await haproxy.cli(`set server b/s state ${state}`);
    // Each weight is an answer that HAProxy has taken in since.
    decide({ ...UP, weightPercent: 61 });
    expect((await until({ uweight: "61" }))["status"]).toMatch(status);
    decide(DOWN);
    await until({ agent_status: "L7STS" });
    decide({ ...UP, weightPercent: 62 });
    expect((await until({ uweight: "62" }))["status"]).toMatch(status);
    await restart();
    decide({ ...UP, weightPercent: 63 });
    expect((await until({ uweight: "63" }))["status"]).toMatch(status);
    await haproxy.cli("set server b/s state ready");
    await until({ status: IN_USE });
  });

  test("weight, as long as the check finds none", async () => {
    const { until, decide, haproxy } = await startAgentChecker({ verdict: UP });
    await until({ status: IN_USE, agent_status: "L7OK" });
    await haproxy.cli("set server b/s weight 30");
    decide({ ...UP, maxconn: 33 });
    expect(await until({ slim: "33" })).toMatchObject({ status: IN_USE, uweight: "30" });
    decide({ ...DOWN });
    await until({ status: "DOWN (agent)" });
    decide({ ...UP, maxconn: 34 });
    expect(await until({ slim: "34", status: IN_USE })).toMatchObject({ uweight: "30" });
  });

  test("disable agent: HAProxy asks no more, and everything stays", async () => {
    const servers = ["s", "t"].map((name) => `server ${name} 127.0.0.1:1 weight 100 AGENT`).join("\n");
    const { until, decide, haproxy } = await startAgentChecker({ verdict: { ...UP, weightPercent: 60 }, servers });
    for (const server of ["s", "t"]) await until({ status: IN_USE, uweight: "60" }, server);
    await haproxy.cli("disable agent b/s; set server b/s weight 30");
    for (const weightPercent of [61, 62]) {
      decide({ ...UP, weightPercent });
      await until({ uweight: `${weightPercent}` }, "t");
    }
    expect(await serverStat(haproxy, "b", "s")).toMatchObject({ status: IN_USE, uweight: "30" });
    await haproxy.cli("enable agent b/s");
    await until({ status: IN_USE, uweight: "62" });
  });
});

test.each(["", 'agent-send "db\\n"'])(
  "whom --allow does not name gets no answer, and nothing changes: %j",
  async (send) => {
    const { until, decide, restart, haproxy } = await startAgentChecker({
      verdict: DOWN,
      servers: `server s 127.0.0.1:1 AGENT ${send}`,
    });
    await until({ status: "DOWN (agent)" });
    decide(UP);
    await restart("--allow", "10.0.0.0/8,192.168.1.1");
    await eventually("HAProxy is not answered", async () => {
      const { agent_status = "", status } = await serverStat(haproxy, "b", "s");
      return ["L7RSP", "SOCKERR"].includes(agent_status) && status === "DOWN (agent)";
    });
    await restart("--allow", "127.0.0.0/8");
    await until({ status: IN_USE, agent_status: "L7OK" });
  },
);

describe("by hand", () => {
  test("agent maint and ready: the server leaves and comes back", async () => {
    const { until, agent } = await startAgentChecker({ verdict: UP });
    await until({ status: IN_USE, agent_status: "L7OK" });
    expect(await agent("maint", "db", "--reason", "disk swap")).toMatchObject({ code: 0 });
    await until({ status: "MAINT", agent_status: "CHECKED" });
    expect(await agent("ready", "db")).toMatchObject({ code: 0 });
    await until({ status: IN_USE, agent_status: "L7OK" });
  });

  test("agent drain, of one server", async () => {
    const { until, agent, decide } = await startAgentChecker({ verdict: UP });
    await until({ status: IN_USE, agent_status: "L7OK" });
    expect(await agent("drain", "decided/db/10.0.0.5:3306")).toMatchObject({ code: 0 });
    await until({ status: "DRAIN (agent)" });
    decide(DOWN);
    await until({ status: "DOWN (agent)", last_agt: "via agent : down (lag 35 s)" });
    decide(UP);
    await until({ status: "DRAIN (agent)", agent_status: "L7OK" });
    await agent("ready", "decided/db/10.0.0.5:3306");
    await until({ status: IN_USE, agent_status: "L7OK" });
  });

  test("agent recover lets a server go that --manual-recovery holds down, also over a restart", async () => {
    const held = "via agent : down (lag 35 s; held until somebody says recover)";
    const { until, agent, decide, restart } = await startAgentChecker({ verdict: UP, args: ["--manual-recovery"] });
    await until({ status: IN_USE, agent_status: "L7OK" });
    decide(DOWN);
    await until({ status: "DOWN (agent)" });
    decide(UP);
    await until({ status: "DOWN (agent)", last_agt: held });
    await restart("--manual-recovery");
    await until({ status: "DOWN (agent)", last_agt: held });
    await agent("recover", "db");
    await until({ status: IN_USE, agent_status: "L7OK" });
  });
});

/** A TCP server that repeats what it hears behind its name. */
async function startEcho(name: string): Promise<string> {
  const host = `${await loopbackPrefix()}.2`;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => socket.write(`${name}: ${data}`));
  });
  await new Promise<void>((resolve) => server.listen(21_300, host, resolve));
  releaseLater("echo", async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `${host}:21300`;
}

/** A session through HAProxy. */
async function connect(to: { readonly host: string; readonly port: number }) {
  const socket = createConnection(to);
  releaseLater("session", () => void socket.destroy());
  await once(socket, "connect");
  return {
    ended: once(socket, "close"),
    async say(word: string): Promise<string> {
      socket.write(word);
      const [answer] = await once(socket, "data");
      return String(answer);
    },
  };
}
