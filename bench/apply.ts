// PUT sent → a new connection through HAProxy reaches the new server: without a reload, by a reload, and beside the
// floor of bench/propagation (a file at dest, no HAProxy at all). `npm run bench:apply`
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Consul, startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { releaseAll } from "../test/support/releases.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { type ApplyHow, startApplySide, startEcho, untilReached } from "./support/apply-side.ts";
import { startFloor } from "./support/contestants.ts";
import { followFile } from "./support/file-news.ts";
import { percentile, summary, verdict } from "./support/stats.ts";
import { createWriter, type Entries, entryName, fill, PREFIX } from "./support/workload.ts";

const SIZES = [10, 1_000];
const BLOCKS = 4;
const SAMPLES_PER_BLOCK = 20;
const WARM_UP = 5;
const PAUSE_MS = 140;
/** A reload is asked for no sooner after the last one: HAProxy 2.6 loses what comes while it is still at it. */
const RELOAD_PAUSE_MS = 600;
const ECHO_PORT = 21_311;
/** p50 above the floor's, ms. */
const TARGET_MS = 5;

interface Ground {
  readonly consul: Consul;
  readonly entries: Entries;
  readonly size: number;
  /** The two servers that take turns. */
  readonly hosts: readonly [string, string];
  /** Which of them an entry names, where it is not the first one. */
  readonly at: Map<number, string>;
}

/** Latencies of one block, ms, without its warm-up. */
type Block = () => Promise<readonly number[]>;

async function main(): Promise<void> {
  const prefix = await loopbackPrefix();
  const hosts = [`${prefix}.11`, `${prefix}.12`] as const;
  for (const host of hosts) await startEcho(host, ECHO_PORT);
  for (const size of SIZES) await measureSize(size, hosts);
  await releaseAll();
}

async function measureSize(size: number, hosts: Ground["hosts"]): Promise<void> {
  const consul = await startConsul();
  const entries: Entries = { port: ECHO_PORT, proxyport: (i) => 20_000 + i, firstHost: hosts[0] };
  await fill(consul, size, entries);
  const ground: Ground = { consul, entries, size, hosts, at: new Map() };
  const contestants = [
    { name: "floor (file only)", block: floorBlock(ground), samples: [] as number[] },
    { name: "without a reload", block: applyBlock(ground, "runtime"), samples: [] as number[] },
    { name: "by a reload", block: applyBlock(ground, "reload"), samples: [] as number[] },
  ] as const;
  for (let block = 0; block < BLOCKS; block++) {
    for (const contestant of contestants) contestant.samples.push(...(await contestant.block()));
  }
  console.log(`\napply: ${size} entries in Consul, PUT sent → a new connection through HAProxy reaches the new server`);
  for (const { name, samples } of contestants) console.log(`  ${name.padEnd(17)} ${summary(samples)}`);
  const [floor, runtime, reload] = contestants.map(({ samples }) => percentile(samples, 50));
  const above = (runtime ?? Number.NaN) - (floor ?? Number.NaN);
  console.log(`  ${verdict(`ms above the floor without a reload, p50 at ${size} entries`, above, TARGET_MS)}`);
  console.log(`          for comparison, by a reload: ${((reload ?? Number.NaN) - (floor ?? Number.NaN)).toFixed(2)}`);
  await consul.stop();
}

function floorBlock(ground: Ground): Block {
  const dest = join(tempDir("bench"), "floor.cfg");
  return async () => {
    const floor = startFloor(ground.consul, dest);
    await eventually("the floor wrote its file", () => existsSync(dest));
    const news = followFile(dest);
    const seen = (i: number, host: string) => news.until(`${entryName(i)}-memcached ${host}:`);
    const samples = await takeTurns(ground, PAUSE_MS, seen);
    news.close();
    await floor.stop();
    return samples;
  };
}

function applyBlock(ground: Ground, how: ApplyHow): Block {
  return async () => {
    const side = await startApplySide(ground.consul, { apply: how, prefix: PREFIX, onReplace: "keep" });
    const seen = (i: number, host: string) =>
      untilReached({ address: side.address, port: ground.entries.proxyport(i) }, host);
    const before = side.render.stderr().match(/reloaded/g)?.length ?? 0;
    const samples = await takeTurns(ground, how === "reload" ? RELOAD_PAUSE_MS : PAUSE_MS, seen);
    const reloads = (side.render.stderr().match(/reloaded/g)?.length ?? 0) - before;
    if (how === "runtime" && reloads > 0) throw new Error(`${reloads} reloads in the run that is to have none`);
    await side.render.stop();
    await side.haproxy.stop();
    return samples;
  };
}

/** Gives random keys the other server, one after the other; until it is seen, ms. */
async function takeTurns(
  { consul, entries, size, hosts, at }: Ground,
  pauseMs: number,
  seen: (i: number, host: string) => Promise<number>,
): Promise<readonly number[]> {
  const writer = createWriter(consul, entries);
  const samples: number[] = [];
  for (let n = 0; n < WARM_UP + SAMPLES_PER_BLOCK; n++) {
    await sleep(pauseMs + Math.random() * 20);
    const i = Math.floor(Math.random() * size);
    const host = at.get(i) === hosts[1] ? hosts[0] : hosts[1];
    at.set(i, host);
    const reached = seen(i, host);
    const sentMs = performance.now();
    await writer.put(i, host);
    const atMs = await reached;
    if (n >= WARM_UP) samples.push(atMs - sentMs);
  }
  writer.close();
  return samples;
}

await main();
