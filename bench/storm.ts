// 200 writes/s for 10 s on 1,000 keys: how many reloads, how much CPU, how late the last write. `npm run bench:storm`
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import type { Launched } from "../test/support/launch.ts";
import { releaseAll } from "../test/support/releases.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { startFloor, startRender } from "./support/contestants.ts";
import { cpuSeconds } from "./support/cpu.ts";
import { followFile } from "./support/file-news.ts";
import { verdict } from "./support/stats.ts";
import { createWriter, entryValue, fill, writeConfdir } from "./support/workload.ts";

const KEYS = 1_000;
const WRITES_PER_SECOND = 200;
const SECONDS = 10;

interface Result {
  readonly cpuSeconds: number;
  readonly lastMs: number;
}

async function main(): Promise<void> {
  const consul = await startConsul();
  await fill(consul, KEYS);
  const dir = tempDir("bench");
  const reloads = join(dir, "reloads");
  const ours = join(dir, "render.cfg");
  const confdir = writeConfdir(
    join(dir, "confdir"),
    ours,
    `reload_cmd = "echo x >> ${reloads}; cp {{dest}} ${dir}/in-force.cfg"\n`,
  );
  const floor = await storm(consul, startFloor(consul, join(dir, "floor.cfg")), join(dir, "floor.cfg"));
  const inForce = join(dir, "in-force.cfg");
  const render = await storm(consul, startRender(consul, { confdir, stateDir: join(dir, "state") }), inForce);
  const count = readFileSync(reloads, "utf8").split("\n").length - 1;
  console.log(`\nstorm: ${WRITES_PER_SECOND} writes/s for ${SECONDS} s on ${KEYS} keys`);
  console.log(
    `  floor   ${floor.cpuSeconds.toFixed(2)} s of CPU, the last write at dest after ${floor.lastMs.toFixed(0)} ms`,
  );
  console.log(
    `  render  ${render.cpuSeconds.toFixed(2)} s of CPU (its reload commands included), the last write reloaded after ${render.lastMs.toFixed(0)} ms`,
  );
  console.log(`  ${verdict("reloads", count, 100)}`);
  console.log(`  ${verdict("render's CPU over the floor's", render.cpuSeconds / floor.cpuSeconds, 0.5)}`);
  console.log(`  ${verdict("ms from the last write sent to it being in force", render.lastMs, 250)}`);
  await releaseAll();
}

async function storm(
  consul: Awaited<ReturnType<typeof startConsul>>,
  contestant: Launched,
  file: string,
): Promise<Result> {
  const writer = createWriter(consul);
  await writer.put(0, "10.9.9.9");
  await eventually("the file is there", () => existsSync(file) && readFileSync(file, "utf8").includes("10.9.9.9"));
  await sleep(500);
  const news = followFile(file);
  const before = cpuSeconds(contestant.pid);
  const startMs = performance.now();
  const total = WRITES_PER_SECOND * SECONDS;
  const writes: Promise<void>[] = [];
  for (let n = 0; n < total - 1; n++) {
    const wait = startMs + (n * 1_000) / WRITES_PER_SECOND - performance.now();
    if (wait > 0) await sleep(wait);
    writes.push(writer.put(n % KEYS, `10.1.${n % 250}.${Math.floor(n / 250) + 1}`));
  }
  await Promise.all(writes);
  const seen = news.until(`${JSON.parse(entryValue(KEYS - 1, "")).name}-memcached 10.200.200.200:`);
  const sentMs = performance.now();
  await writer.put(KEYS - 1, "10.200.200.200");
  const lastMs = (await seen) - sentMs;
  await sleep(500);
  const cpu = cpuSeconds(contestant.pid) - before;
  news.close();
  writer.close();
  await contestant.stop();
  return { cpuSeconds: cpu, lastMs };
}

await main();
