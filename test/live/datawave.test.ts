import { describe, expect, test } from "vitest";
import { askAgent } from "../../src/agent/ask.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { isAsking } from "../support/agent-servers.ts";
import { type DatawaveServer, startDatawave } from "../support/datawave.ts";
import { eventually } from "../support/eventually.ts";
import { type Haproxy, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import { startHealthServer } from "../support/http-health.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

const AGENT_PORT = 21_555;

/** The DataWave agent's example_config.yml, with whole numbers where it insists on a point. */
function yamlFor(url: string, bind: string, more: Readonly<Record<string, unknown>> = {}): string {
  const poller = {
    check_url: url,
    check_timeout: 10,
    interval: 0.1,
    down_response: "down",
    unavailable_response: "0% drain",
    connection_usage_reduction: 0.7,
    os_load_reduction: 0.4,
    swap_usage_reduction: 0.3,
    staleness_interval: 0,
    staleness_response: "",
    stop_timeout: 0,
    ...more,
  };
  const lines = Object.entries(poller).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
  return `bind: ${bind}\nport: ${AGENT_PORT}\ndw_health_poller:\n${lines.join("")}`;
}

/** A checker that was started as the agent was, and what it answers. */
interface Agent {
  readonly program: Launched;
  readonly address: string;
  /** One answer of the port; undefined while nobody listens. */
  answer(): Promise<string | undefined>;
  until(line: string): Promise<void>;
}

async function startAgent(
  url: string,
  {
    keys = {},
    args = [],
  }: { readonly keys?: Readonly<Record<string, unknown>>; readonly args?: readonly string[] } = {},
): Promise<Agent> {
  const address = `${await loopbackPrefix()}.9`;
  const dir = folderWith({ "config.yml": yamlFor(url, address, keys) });
  const program = startProgram("checkers", [
    ...["datawave", "-c", `${dir}/config.yml`, "-l", "debug", "--state-dir", tempDir("state")],
    ...args,
  ]);
  return agentAt(program, address, AGENT_PORT);
}

function agentAt(program: Launched, address: string, port: number): Agent {
  const answer = async () => {
    const to = { host: address, port };
    const { signal } = new AbortController();
    const { bytes, connectMs } = await askAgent({ to, send: "", timeoutMs: 10_000, clock: systemClock, signal });
    return connectMs === undefined ? undefined : bytes;
  };
  return {
    program,
    address,
    answer,
    until: async (line) => void (await eventually(`it answers ${line}`, async () => (await answer()) === `${line}\n`)),
  };
}

describe("with the agent's own file", () => {
  test("the answer is its formula's, for each load there is", async () => {
    const server = await startDatawave();
    const { until } = await startAgent(server.url);
    await until("100% up");
    for (const [ConnectionUsagePercent, SystemLoad, SwapBytesUsed, percent] of [
      [80, 0.5, 0, 24],
      [50, 0.1, 0, 61],
      [30, 0.2, 1, 41],
      [150, 0, 0, 30],
      [100, 1, 1, 1],
      [0, -1, 0, 100],
    ] as const) {
      await server.load({ ConnectionUsagePercent, SystemLoad, SwapBytesUsed });
      await until(`${percent}% up`);
    }
  });

  test("the reductions are those of the file, whole numbers too", async () => {
    const server = await startDatawave();
    await server.load({ ConnectionUsagePercent: 50, SystemLoad: 0.5, SwapBytesUsed: 1 });
    const keys = { connection_usage_reduction: 1, os_load_reduction: 0, swap_usage_reduction: 0 };
    await (await startAgent(server.url, { keys })).until("50% up");
  });

  test("too many connections, and a shutdown, are told as drain, and taken back with ready", async () => {
    const server = await startDatawave();
    const { until } = await startAgent(server.url);
    await until("100% up");
    await server.load({ ConnectionUsagePercent: 200 });
    await until("drain up");
    await server.load({ ConnectionUsagePercent: 10 });
    await until("ready 93% up");
    await server.shutdown();
    await until("drain up");
    expect(await server.status("ready")).toBe(403);
    await server.load({ ConnectionUsagePercent: 0 });
    await until("ready down #connection refused");
    await server.restart();
    await until("ready 100% up");
  });

  test.each([
    ["maint", "drain up"],
    ["stopped #disk", 'down #it says "stopped #disk"'],
    ["upgrading soon", ""],
  ])("a status %j that was put by hand is answered as %j", async (status, line) => {
    const server = await startDatawave();
    const { until, answer } = await startAgent(server.url);
    await until("100% up");
    expect(await server.status(status)).toBe(200);
    await until(line);
    expect(await server.status("ready")).toBe(200);
    await eventually("it is up", async () => /^(ready )?100% up\n$/.test((await answer()) ?? ""));
  });

  test.each([
    ["drain", "drain up"],
    ["down", "down #it answers 503"],
    ["", ""],
  ])("unavailable_response %j is answered as %j", async (line, expected) => {
    const server = await startDatawave();
    const { until } = await startAgent(server.url, { keys: { unavailable_response: line } });
    await until("100% up");
    await server.load({ ConnectionUsagePercent: 200 });
    await until(expected);
  });

  test.each([
    ["drain", "drain up"],
    ["", ""],
  ])("down_response %j is answered as %j when nobody listens", async (line, expected) => {
    const server = await startDatawave();
    const { until } = await startAgent(server.url, { keys: { down_response: line } });
    await until("100% up");
    await server.kill();
    await until(expected);
  });

  test("a slip in it ends the program with its name, its key and the nearest one", async () => {
    const dir = folderWith({ "config.yml": "dw_health_poller:\n  check_uri: http://h/\n" });
    const { code, stderr } = await runProgram("checkers", ["datawave", "-c", `${dir}/config.yml`]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${dir}/config.yml: unknown key "check_uri"; did you mean check_url?`);
    const missing = await runProgram("checkers", ["datawave", "--config", `${dir}/none.yml`]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain(`cannot read ${dir}/none.yml`);
  });

  test("flags beat it, and --skip-config leaves it unread", async () => {
    const server = await startDatawave();
    const address = `${await loopbackPrefix()}.9`;
    const dir = folderWith({ "config.yml": "dw_health_poller: {check_url: 'http://127.0.0.1:1/'}\nport: 1\n" });
    const common = ["-b", address, "--port", "21556", "--loglevel", "critical", "--url", server.url];
    const state = ["--state-dir", tempDir("state")];
    const flags = startProgram("checkers", ["datawave", "-c", `${dir}/config.yml`, ...common, ...state]);
    await agentAt(flags, address, 21_556).until("100% up");
    await flags.stop();
    const skipping = ["-s", "-c", `${dir}/none.yml`];
    const without = startProgram("checkers", ["datawave", ...skipping, ...common, "-p", "21557", ...state]);
    await agentAt(without, address, 21_557).until("100% up");
    expect(without.stderr()).toBe("");
  });
});

describe("what its agent answered with what it had said before is down here:", () => {
  test.each([
    ["an error", { status: 500 }, "down #it answers 500"],
    ["no JSON", { body: "<html>" }, "down #its answer is not JSON"],
    [
      "a document without a load",
      { body: '{"Status":"ready","ConnectionUsagePercent":0}' },
      "down #its SystemLoad is not a number",
    ],
    ["nothing", { breaks: "hangs" }, "down #no answer within 250 ms"],
    ["half an answer", { breaks: "ends-early" }, "down #it closed the connection in the middle of its answer"],
  ] as const)("%s", async (_, page, line) => {
    const well = {
      body: JSON.stringify({ Status: "ready", ConnectionUsagePercent: 0, SystemLoad: 0, SwapBytesUsed: 0 }),
    };
    const server = await startHealthServer({ page: well });
    const { until } = await startAgent(server.url, { keys: { check_timeout: 0.25 } });
    await until("100% up");
    await server.say(page);
    await until(line);
    await server.say(well);
    await until("100% up");
  });
});

describe("interval 0", () => {
  test("asks the server anew for each question, and at no other time", async () => {
    const server = await startDatawave();
    const { answer, until } = await startAgent(server.url, { keys: { interval: 0.0 } });
    await until("100% up");
    for (const [connections, percent] of [
      [10, 93],
      [20, 86],
      [30, 79],
    ] as const) {
      await server.load({ ConnectionUsagePercent: connections });
      const before = await server.asked();
      expect(await answer()).toBe(`${percent}% up\n`);
      expect(await server.asked()).toBe(before + 1);
    }
  });

  test("answers within HAProxy's patience when the server hangs: as before, and down when its time is over", async () => {
    const server = await startDatawave();
    const { answer, until } = await startAgent(server.url, { keys: { interval: 0, check_timeout: 1.6 } });
    await until("100% up");
    server.pause();
    // The signal takes a moment to stop it. HAProxy waits for 2 s by default, the agent for its server for 1.5 s.
    await eventually("the agent has waited as long as it may", async () => {
      const startMs = performance.now();
      expect(await answer()).toBe("100% up\n");
      return performance.now() - startMs > 1_000;
    });
    await until("down #no answer within 1600 ms");
    server.resume();
    await until("100% up");
  });
});

describe("before the first verdict", () => {
  test("the agent has no opinion, or says what it was told to say", async () => {
    const server = await startHealthServer({ page: { breaks: "hangs" } });
    const one = await startAgent(server.url);
    await one.until("");
    const other = await startAgent(server.url, { args: ["--on-starting", "down #starting"] });
    await other.until("down #starting");
  });
});

/** HAProxy with two DataWave servers, each with its agent, and clients that stay by a cookie. */
async function startBalanced() {
  const prefix = await loopbackPrefix();
  const servers = await Promise.all([2, 3].map((last) => startDatawave({ address: `${prefix}.${last}` })));
  const [one, two] = servers;
  if (one === undefined || two === undefined) throw new Error("two were asked for");
  const agents = await Promise.all(servers.map(({ url }) => startAgent(url)));
  const line = (name: string, server: DatawaveServer, agent: Agent | undefined) =>
    `server ${name} ${server.server} cookie ${name} weight 100 agent-check agent-addr ${agent?.address} agent-port ${AGENT_PORT} agent-inter 100ms`;
  const haproxy = await startHaproxy({
    config: (place) => `${haproxyHead(place)}    timeout check 10s
listen datawave
    bind ${prefix}.1:21100
    mode http
    balance roundrobin
    cookie query-session-id prefix
    ${line("one", one, agents[0])}
    ${line("two", two, agents[1])}
`,
  });
  return { one, two, agents, haproxy, frontend: `http://${prefix}.1:21100/query` };
}

async function until(haproxy: Haproxy, server: string, expected: Readonly<Record<string, string>>): Promise<void> {
  await eventually(`${server} has ${JSON.stringify(expected)}`, async () => {
    const row = await serverStat(haproxy, "datawave", server);
    return !isAsking(row) && Object.entries(expected).every(([column, value]) => row[column] === value);
  });
}

/** Who answers, and the cookie that leads there again. */
async function query(url: string, cookie?: string): Promise<{ readonly by: string; readonly cookie: string }> {
  const headers = { connection: "close", ...(cookie === undefined ? {} : { cookie }) };
  const answer = await fetch(url, { headers });
  const set = answer.headers.get("set-cookie")?.split(";")[0];
  return { by: await answer.text(), cookie: set ?? cookie ?? "" };
}

const IN_USE = "no check";

describe("behind HAProxy", () => {
  test("weights follow; a shutdown keeps the queries under way and takes no new ones; then it is down, and back", async () => {
    const { one, two, haproxy, frontend } = await startBalanced();
    await until(haproxy, "one", { status: IN_USE, uweight: "100" });
    await until(haproxy, "two", { status: IN_USE, uweight: "100" });
    await one.load({ ConnectionUsagePercent: 80, SystemLoad: 0.5 });
    await until(haproxy, "one", { status: IN_USE, uweight: "24" });
    const session = await eventually("a session on the first", async () => {
      const found = await query(frontend);
      return found.by === one.address && found;
    });
    await one.shutdown();
    await until(haproxy, "one", { status: "DRAIN (agent)" });
    for (let round = 0; round < 10; round++) {
      expect((await query(frontend)).by).toBe(two.address);
      expect((await query(frontend, session.cookie)).by).toBe(one.address);
    }
    await one.load({ ConnectionUsagePercent: 0 });
    await until(haproxy, "one", { last_agt: "via agent : down (connection refused)" });
    await one.restart();
    await until(haproxy, "one", { status: IN_USE, uweight: "100" });
    await eventually("new queries go there again", async () => (await query(frontend)).by === one.address);
  });

  test("after it was down, too many connections make it drain and not stay down", async () => {
    const { one, haproxy } = await startBalanced();
    await until(haproxy, "one", { status: IN_USE });
    expect(await one.status("down")).toBe(200);
    await until(haproxy, "one", { status: "DOWN (agent)" });
    await one.load({ ConnectionUsagePercent: 200 });
    await until(haproxy, "one", { status: "DRAIN (agent)" });
    expect(await one.status("ready")).toBe(200);
    await one.load({ ConnectionUsagePercent: 0 });
    await until(haproxy, "one", { status: IN_USE, uweight: "100" });
  });

  test("maintenance that an operator has set in HAProxy stays, whatever the page says", async () => {
    const { one, haproxy, agents } = await startBalanced();
    await until(haproxy, "one", { status: IN_USE });
    await haproxy.cli("set server datawave/one state maint");
    await one.load({ ConnectionUsagePercent: 50 });
    await agents[0]?.until("65% up");
    const before = await one.asked();
    await eventually("some rounds have passed", async () => (await one.asked()) > before + 10);
    await until(haproxy, "one", { status: "MAINT" });
    await haproxy.cli("set server datawave/one state ready");
    await until(haproxy, "one", { status: IN_USE, uweight: "65" });
  });
});

describe("with a store", () => {
  test("the first server that is ready is published as well, on the port that takes queries", async () => {
    const prefix = await loopbackPrefix();
    const [one, two] = [
      await startDatawave({ address: `${prefix}.2` }),
      await startDatawave({ address: `${prefix}.3` }),
    ];
    const folder = tempDir("store");
    const program = startProgram("checkers", [
      ...["datawave", "-s", "--url", `${one.url},${two.url}`, "--server-port", "8443", "--interval", "100ms"],
      ...["--store", `file:${folder}`, "-b", `${prefix}.9`, "-p", `${AGENT_PORT}`, "--state-dir", tempDir("state")],
    ]);
    const published = async (host: string) => {
      const { stdout } = await runProgram("confd-haproxy", [
        "kv",
        "get",
        "haproxy/datawave/datawave",
        "--store",
        `file:${folder}`,
      ]);
      return stdout.includes(`"host":"${host}","port":8443`);
    };
    await eventually("the first one is published", () => published(one.address));
    await one.load({ ConnectionUsagePercent: 200 });
    await untilLogged(program, new RegExp(`${two.address}:8443 is published`));
    expect(await published(two.address)).toBe(true);
    await agentAt(program, `${prefix}.9`, AGENT_PORT).until("100% up");
  });
});
