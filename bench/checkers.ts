// 1,000 tags in one process, each with two real servers that are asked each second: CPU, memory, late rounds.
// `npm run bench:checkers`
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { GroupCounters } from "../src/core/status.ts";
import { startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { startMemcached } from "../test/support/memcached.ts";
import { startProgram } from "../test/support/program.ts";
import { startRedis } from "../test/support/redis.ts";
import { releaseAll } from "../test/support/releases.ts";
import type { Server } from "../test/support/server.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { cpuSeconds, residentMib } from "./support/cpu.ts";
import { verdict } from "./support/stats.ts";

const TAGS = 1_000;
const MEASURED_SECONDS = 30;
/** After the start, until what was needed once is forgotten. */
const SETTLE_MS = 10_000;
const STATUS_PORT = 29_101;

/** Two servers of one kind, which many tags share. */
interface Pair {
  readonly kind: "memcached" | "redismaster";
  readonly servers: readonly [Server, Server];
}

async function main(): Promise<void> {
  const consul = await startConsul();
  const pairs = await startPairs();
  const address = `${await loopbackPrefix()}.1`;
  const config = join(tempDir("bench"), "checkers.toml");
  writeFileSync(config, configText(pairs, `${consul.address}:${consul.port}`));
  const status = ["--status-bind", address, "--status-port", `${STATUS_PORT}`];
  const checkers = startProgram("checkers", ["--config", config, ...status, "--log-level", "warn"]);
  const read = () => readCounters(`http://${address}:${STATUS_PORT}/status`);
  await eventually(`${TAGS} entries are written`, async () => (await read()).writes >= TAGS, 60_000);
  await sleep(SETTLE_MS);

  const before = await read();
  const cpuBefore = cpuSeconds(checkers.pid);
  const beganMs = performance.now();
  // The most that is seen, not what happens to be there at the end: a heap grows until it is looked through.
  let residentMostMib = 0;
  while (performance.now() - beganMs < MEASURED_SECONDS * 1_000) {
    residentMostMib = Math.max(residentMostMib, residentMib(checkers.pid));
    await sleep(250);
  }
  const cpu = cpuSeconds(checkers.pid) - cpuBefore;
  const seconds = (performance.now() - beganMs) / 1_000;
  const after = await read();
  const rounds = after.rounds - before.rounds;
  const late = after.lateRounds - before.lateRounds;
  const probes = after.probes - before.probes;

  console.log(`\ncheckers: ${TAGS} tags with 2 servers each (memcached and Redis by halves), --interval 1s, Consul`);
  console.log(
    `  in ${seconds.toFixed(0)} s: ${rounds} rounds, ${probes} probes, ${after.failedProbes - before.failedProbes} of them not good (Redis replicas)`,
  );
  console.log(`  ${verdict("percent of one core", (100 * cpu) / seconds, 35)}`);
  console.log(`  ${verdict("MiB resident, at the most", residentMostMib, 200)}`);
  console.log(`  ${verdict("percent of the rounds more than 100 ms late", (100 * late) / rounds, 1)}`);
  if (rounds < 0.95 * TAGS * MEASURED_SECONDS) throw new Error(`only ${rounds} rounds: ticks were left out`);
  await releaseAll();
}

async function startPairs(): Promise<readonly Pair[]> {
  const memcacheds = await Promise.all(Array.from({ length: 4 }, () => startMemcached()));
  const masters = await Promise.all(Array.from({ length: 2 }, () => startRedis()));
  const replicas = await Promise.all(masters.map((replicaOf) => startRedis({ replicaOf })));
  const pair = (kind: Pair["kind"], a: Server | undefined, b: Server | undefined): Pair => {
    if (a === undefined || b === undefined) throw new Error("two servers are needed");
    return { kind, servers: [a, b] };
  };
  return [
    pair("memcached", memcacheds[0], memcacheds[1]),
    pair("redismaster", masters[0], replicas[0]),
    pair("memcached", memcacheds[2], memcacheds[3]),
    pair("redismaster", masters[1], replicas[1]),
  ];
}

function configText(pairs: readonly Pair[], consul: string): string {
  const tables = Array.from({ length: TAGS }, (_, at) => {
    const { kind, servers } = pairs[at % pairs.length] as Pair;
    const list = servers.map(({ server }) => `"${server}"`).join(", ");
    return `[[checker]]\nkind = "${kind}"\ntag = "t${at}"\nserver = [${list}]\n`;
  });
  return `consul = "${consul}"\n\n${tables.join("\n")}`;
}

/** Of all tags together. */
async function readCounters(url: string): Promise<GroupCounters> {
  const response = await fetch(url, { headers: { accept: "application/json" } });
  const { tags } = (await response.json()) as { tags: readonly { counters: GroupCounters }[] };
  const sum = { rounds: 0, lateRounds: 0, probes: 0, failedProbes: 0, writes: 0, lostWrites: 0, splits: 0 };
  for (const { counters } of tags) {
    for (const name of Object.keys(sum) as (keyof GroupCounters)[]) sum[name] += counters[name];
  }
  return sum;
}

await main();
