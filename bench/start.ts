// How long `render --onetime` takes when there is nothing to do, and what an idle `render --watch` keeps in
// memory. `npm run bench:start`
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import { releaseAll } from "../test/support/releases.ts";
import { tempDir } from "../test/support/temp-dir.ts";
import { startFloor, startRender } from "./support/contestants.ts";
import { residentMib } from "./support/cpu.ts";
import { percentile, summary, verdict } from "./support/stats.ts";
import { fill, writeConfdir } from "./support/workload.ts";

const KEYS = 10;
const RUNS = 40;
const RENDER = join(import.meta.dirname, "../dist/render.js");

async function main(): Promise<void> {
  const consul = await startConsul();
  await fill(consul, KEYS);
  const dir = tempDir("bench");
  const dest = join(dir, "render.cfg");
  const stateDir = join(dir, "state");
  const confdir = writeConfdir(join(dir, "confdir"), dest);
  const onetime = [
    RENDER,
    "--onetime",
    "--confdir",
    confdir,
    "--state-dir",
    stateDir,
    "--consul",
    `${consul.address}:${consul.port}`,
  ];
  run(onetime);
  const [empty, render] = inTurn(["-e", "0"], onetime);
  console.log(`\nstart: render --onetime, ${KEYS} keys in Consul, dest current`);
  console.log(`  node -e 0         ${summary(empty)}`);
  console.log(`  render --onetime  ${summary(render)}`);
  console.log(`  ${verdict("wall, median over node -e 0's", percentile(render, 50) / percentile(empty, 50), 1.6)}`);

  const floorDest = join(dir, "floor.cfg");
  const floor = startFloor(consul, floorDest);
  const ours = startRender(consul, { confdir, stateDir });
  await eventually("both have read Consul", () => existsSync(floorDest) && existsSync(dest));
  await sleep(3_000);
  const [floorMib, oursMib] = [residentMib(floor.pid), residentMib(ours.pid)];
  console.log(`  idle: floor ${floorMib.toFixed(1)} MiB, render --watch ${oursMib.toFixed(1)} MiB resident`);
  console.log(`  ${verdict("resident memory over the floor's", oursMib / floorMib, 1.7)}`);
  await releaseAll();
}

/** The two in turn, so that a slow moment of the machine falls on both; wall ms of each run. */
function inTurn(first: readonly string[], second: readonly string[]): readonly [number[], number[]] {
  const times: readonly [number[], number[]] = [[], []];
  for (let n = 0; n < RUNS; n++) {
    times[0].push(run(first));
    times[1].push(run(second));
  }
  return times;
}

function run(args: readonly string[]): number {
  const startMs = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`node ${args.join(" ")}: exit code ${status}: ${stderr}`);
  return performance.now() - startMs;
}

await main();
