// PUT sent → dest has the new content, beside a floor in the same run. `npm run bench:propagation`
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Consul, startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import type { Launched } from "../test/support/launch.ts";
import { releaseAll } from "../test/support/releases.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { startFloor, startRender } from "./support/contestants.ts";
import { followFile } from "./support/file-news.ts";
import { percentile, summary, verdict } from "./support/stats.ts";
import { createWriter, entryValue, fill, writeConfdir } from "./support/workload.ts";

const SIZES = [10, 1_000, 10_000];
const BLOCKS = 5;
const SAMPLES_PER_BLOCK = 25;
const WARM_UP = 10;
/** After quiet: longer than the gap between two blocking queries of either. */
const PAUSE_MS = 140;
const TARGET = 1.15;

interface Contestant {
  readonly name: string;
  readonly dest: string;
  readonly start: (logLevel: string) => Launched;
  readonly samples: number[];
}

/** One life of a contestant: its latencies after the warm-up, ms, and what it logged. */
interface Block {
  readonly samples: readonly number[];
  readonly log: string;
}

interface Ground {
  readonly consul: Consul;
  readonly size: number;
  readonly logLevel?: string;
}

async function main(): Promise<void> {
  const only = process.argv[2] === undefined ? SIZES : [Number(process.argv[2])];
  for (const size of only) await measureSize(size);
  await releaseAll();
}

async function measureSize(size: number): Promise<void> {
  const consul = await startConsul();
  await fill(consul, size);
  const dir = tempDir("bench");
  const at = (name: string) => join(dir, `${name}.cfg`);
  const confdir = writeConfdir(join(dir, "confdir"), at("render"));
  const floor: Contestant = {
    name: "floor",
    dest: at("floor"),
    start: () => startFloor(consul, at("floor")),
    samples: [],
  };
  const synced: Contestant = {
    name: "floor with fsync",
    dest: at("synced"),
    start: () => startFloor(consul, at("synced"), "fsync"),
    samples: [],
  };
  const render: Contestant = {
    name: "render",
    dest: at("render"),
    start: (logLevel) => startRender(consul, { confdir, stateDir: join(dir, "state"), logLevel }),
    samples: [],
  };
  const contestants = [floor, synced, render];
  // in turn, so that a slow moment of the machine falls on both
  for (let block = 0; block < BLOCKS; block++) {
    for (const contestant of contestants)
      contestant.samples.push(...(await runBlock(contestant, { consul, size })).samples);
  }
  report(size, { floor, synced, render });
  // where the time goes is read from the log, which itself takes time: so it is a block of its own
  reportBreakdown(await runBlock(render, { consul, size, logLevel: "debug" }));
  await consul.stop();
}

async function runBlock(contestant: Contestant, { consul, size, logLevel = "warn" }: Ground): Promise<Block> {
  const process = contestant.start(logLevel);
  const samples: number[] = [];
  const writer = createWriter(consul);
  await eventually(`${contestant.name} wrote its file`, () => existsSync(contestant.dest));
  const news = followFile(contestant.dest);
  for (let n = 0; n < WARM_UP + SAMPLES_PER_BLOCK; n++) {
    await sleep(PAUSE_MS + Math.random() * 20);
    const i = Math.floor(Math.random() * size);
    const host = `10.${1 + Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`;
    const seen = news.until(`${JSON.parse(entryValue(i, host)).name}-memcached ${host}:`);
    const sentMs = performance.now();
    await writer.put(i, host);
    const atMs = await seen;
    if (n >= WARM_UP) samples.push(atMs - sentMs);
  }
  news.close();
  writer.close();
  await process.stop();
  return { samples, log: process.stderr() };
}

function report(
  size: number,
  { floor, synced, render }: Readonly<Record<"floor" | "synced" | "render", Contestant>>,
): void {
  console.log(`\n${size} keys: PUT sent → dest has the new content, in ${tmpdir()}`);
  for (const { name, samples } of [floor, synced, render]) console.log(`  ${name.padEnd(17)} ${summary(samples)}`);
  const p50 = ({ samples }: Contestant) => percentile(samples, 50);
  console.log(`  ${verdict(`render's p50 over the floor's at ${size} keys`, p50(render) / p50(floor), TARGET)}`);
  console.log(`          for comparison, over the floor with fsync: ${(p50(render) / p50(synced)).toFixed(2)}`);
}

/** From the program's own log; fetch is what remains: Consul's commit, its answer, and the way of both. */
function reportBreakdown({ samples, log }: Block): void {
  const median = (name: string) =>
    percentile(
      [...log.matchAll(new RegExp(`${name}="([\\d.]+) ms`, "g"))].map((match) => Number(match[1])),
      50,
    );
  const [parse, render, write] = [median("parse"), median("render"), median("write")];
  const parts = { fetch: percentile(samples, 50) - parse - render - write, parse, render, write };
  const words = Object.entries(parts).map(([name, ms]) => `${name} ${ms.toFixed(1)}`);
  console.log(`  where render's time goes (medians, ms): ${words.join(", ")}`);
}

await main();
