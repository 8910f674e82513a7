import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { hbase } from "../../checkers/hbase.ts";
import { eventually } from "../support/eventually.ts";
import { type Haproxy, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import { type HbaseWriter, writeHbase } from "../support/hbase.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { runProgram, startProgram, untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startZookeeper } from "../support/zookeeper.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/checkers/hbase.md"), "utf8");
const [, CONFIG = ""] = /^```haproxy\n(.*?)^```/ms.exec(PAGE) ?? [];

const THRIFT_PORT = 22_090;
const FRONTEND_PORT = 22_503;
const AGENT_PORT = 9_999;

interface Cluster {
  readonly name: string;
  /** Of its Thrift server, and of the agent beside it. */
  readonly address: string;
  readonly zookeeper: Server;
  readonly hbase: HbaseWriter;
  /** The checker, by the command line of the agent that it replaces. */
  start(...args: readonly string[]): Launched;
  agent(...words: readonly string[]): Promise<unknown>;
}

/** A cluster whose group `oltp` and whose default have a region server each, and a Thrift server that says its name. */
async function startCluster(name: string): Promise<Cluster> {
  const address = `${await loopbackPrefix()}.1`;
  const zookeeper = await startZookeeper();
  const hbase = await writeHbase(zookeeper);
  await hbase.group("default", ["d1,16020"]);
  await hbase.group("oltp", ["o1,16020"]);
  await hbase.stay("d1,16020");
  await hbase.stay("o1,16020");
  const thrift = createServer((socket) => socket.on("error", () => socket.destroy()).end(name));
  await once(thrift.listen(THRIFT_PORT, address), "listening");
  releaseLater(`Thrift of ${name}`, () => new Promise((resolve) => thrift.close(() => resolve())));
  const state = ["--state-dir", tempDir("state")];
  const quorum = [`--zkQuorum=${zookeeper.server}/hbase`, "--hbaseRsGroup=oltp", `--port=${AGENT_PORT}`];
  return {
    name,
    address,
    zookeeper,
    hbase,
    start: (...args) => startProgram("checkers", ["hbase", ...quorum, "--agent-bind", address, ...state, ...args]),
    agent: (...words) => runProgram("confd-haproxy", ["agent", ...words, ...state]),
  };
}

/** As docs/checkers/hbase.md has it: production while it is up, else failover. */
async function startFailover(production: Cluster, failover: Cluster) {
  const at = { host: `${await loopbackPrefix()}.1`, port: FRONTEND_PORT };
  const places = { ":25003": `${at.host}:${at.port}`, "10.0.1.9": production.address, "10.0.2.9": failover.address };
  let block = CONFIG.replaceAll(":9090", `:${THRIFT_PORT}`).replaceAll(
    "agent-inter 1s",
    "agent-inter 100ms inter 100ms",
  );
  for (const [name, place] of Object.entries(places)) block = block.replace(name, place);
  const haproxy = await startHaproxy({ config: (place) => `${haproxyHead(place)}    timeout check 10s\n${block}` });
  return { haproxy, whoAnswers: () => text(connect(at)) };
}

const untilStat = (haproxy: Haproxy, backend: string, expected: Readonly<Record<string, string>>) =>
  eventually(`${backend} has ${JSON.stringify(expected)}`, async () => {
    const row = await serverStat(haproxy, backend, "thrift1");
    return Object.entries(expected).every(([column, value]) => row[column] === value);
  });

test("clients go to the failover cluster while the region servers of production are dead, and back", async () => {
  const [production, failover] = [await startCluster("production"), await startCluster("failover")];
  for (const { start } of [production, failover]) start();
  const { haproxy, whoAnswers } = await startFailover(production, failover);
  for (const backend of ["thrift_production", "thrift_failover"]) {
    await untilStat(haproxy, backend, { status: "UP", agent_status: "L7OK" });
  }
  expect(await whoAnswers()).toBe("production");
  await production.hbase.remove("o1,16020");
  const words = "via agent : down (group oltp: 0 of 1 region servers alive)";
  await untilStat(haproxy, "thrift_production", { status: "DOWN (agent)", last_agt: words });
  expect(await whoAnswers()).toBe("failover");
  await production.hbase.stay("o1,16020");
  await untilStat(haproxy, "thrift_production", { status: "UP", agent_status: "L7OK" });
  expect(await whoAnswers()).toBe("production");
  // Neither is taken out because a ZooKeeper cannot be asked for a while.
  await production.zookeeper.kill();
  await untilStat(haproxy, "thrift_production", { status: "UP", agent_status: "CHECKED" });
  expect(await whoAnswers()).toBe("production");
});

test("with --manualRecovery production stays down, also across a restart, until somebody says recover", async () => {
  const [production, failover] = [await startCluster("production"), await startCluster("failover")];
  const first = production.start("--manualRecovery");
  failover.start("--manualRecovery");
  const { haproxy, whoAnswers } = await startFailover(production, failover);
  await untilStat(haproxy, "thrift_production", { status: "UP", agent_status: "L7OK" });
  await production.hbase.remove("d1,16020");
  await untilStat(haproxy, "thrift_production", { status: "DOWN (agent)" });
  await production.hbase.stay("d1,16020");
  await first.kill();
  const second = production.start("--manualRecovery");
  await untilLogged(second, /hbase hbase: checking/);
  const held = "via agent : down (group default: 0 of 1 region servers alive; held until somebody says recover)";
  await untilStat(haproxy, "thrift_production", { status: "DOWN (agent)", last_agt: held });
  expect(await whoAnswers()).toBe("failover");
  await production.agent("recover", "hbase");
  await untilStat(haproxy, "thrift_production", { status: "UP", agent_status: "L7OK" });
  expect(await whoAnswers()).toBe("production");
});

test("before the first reading a cluster is down, however well HAProxy's own check finds its Thrift server", async () => {
  const [production, failover] = [await startCluster("production"), await startCluster("failover")];
  production.zookeeper.pause();
  production.start("--timeout", "30s");
  failover.start();
  const { haproxy, whoAnswers } = await startFailover(production, failover);
  await untilStat(haproxy, "thrift_production", { status: "DOWN (agent)", last_agt: "via agent : down (starting)" });
  await untilStat(haproxy, "thrift_failover", { status: "UP", agent_status: "L7OK" });
  expect(await whoAnswers()).toBe("failover");
  production.zookeeper.resume();
  await untilStat(haproxy, "thrift_production", { status: "UP", agent_status: "L7OK" });
});

test("the page names every option of the kind, and what it is without one", () => {
  const rows = PAGE.split("\n").filter((line) => line.startsWith("| `--"));
  for (const option of hbase.options) {
    const row = rows.find((line) => line.split("|")[1]?.includes(`--${option.name}`));
    expect(row, option.name).toBeDefined();
    if (option.default !== undefined) expect(row).toContain(`\`${option.default}\``);
  }
});
