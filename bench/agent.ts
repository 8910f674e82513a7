// The agent port beside a bare `net` server: answers per second when a real HAProxy asks as fast as it can, and how long
// one question takes, alone and beside 10,000 open connections. `npm run bench:agent`
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { openFilesAllowed } from "../src/agent/files.ts";
import { eventually } from "../test/support/eventually.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { startMemcached } from "../test/support/memcached.ts";
import { releaseAll } from "../test/support/releases.ts";
import { type Asking, type Contestant, startAgentFloor, startOurs } from "./support/agent-contestants.ts";
import { askInTurn, type LoadTurn, loadTurn, startSilent } from "./support/agent-load.ts";
import { percentile, summary, verdict, verdictAtLeast } from "./support/stats.ts";

const PAIRS = 6;
const ALONE_MS = 400;
const LEAST_OF_FLOOR = 0.9;
/** With less of its core it is the machine that bounds a rate, and not who answers. */
const QUIET_BUSY = 0.9;
const OPEN = 10_000;
/** A little longer than the port keeps who says nothing (100 ms, then 2 s), so that it always has to let go itself. */
const SILENT_STAY_MS = 2_200;
/** More than {@link OPEN}: of each one the port sees the end before it goes. */
const SILENT = 10_800;
const BESIDE_MS = { checkers: 10_000, floor: 4_000 };
const PAUSE_MS = 1;
const COUNT_EVERY_MS = 200;
const FRESH_MS = 20;
/** For the connections, and for what else a process opens; the port takes three quarters of what it may have. */
const FILES_NEEDED = 16_000;

/** The floor first. */
type Two<T> = readonly [T, T];

async function main(): Promise<void> {
  if (openFilesAllowed() < FILES_NEEDED) throw new Error(`this needs ulimit -n ${FILES_NEEDED}`);
  console.log(`\nagent: load average before ${loadavg()[0]?.toFixed(2)}`);
  const prefix = await loopbackPrefix();
  const memcached = await startMemcached({ address: `${prefix}.3` });
  await measureSpeed("nothing", await startBoth("nothing", await loopbackPrefix(), memcached.server));
  const both = await startBoth("a tag", prefix, memcached.server);
  await measureSpeed("a tag", both);
  await measureBesideSilent(both);
  await releaseAll();
}

async function startBoth(asking: Asking, prefix: string, memcached: string): Promise<Two<Contestant>> {
  return [await startAgentFloor(asking, prefix), await startOurs(asking, prefix, memcached)];
}

async function measureSpeed(asking: Asking, both: Two<Contestant>): Promise<void> {
  const turns: Two<LoadTurn[]> = [[], []];
  const alone: Two<number[]> = [[], []];
  for (let pair = 0; pair < PAIRS; pair++) {
    // who begins changes, so that a machine that becomes slower does not speak for one of them
    for (const at of pair % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      turns[at].push(await loadTurn(both[at]));
      alone[at].push(...(await askInTurn(both[at], ALONE_MS)));
    }
  }
  console.log(`\nagent: HAProxy asks as fast as it can and sends ${asking}; medians of ${PAIRS} turns each`);
  for (const at of [0, 1] as const) console.log(`  ${both[at].name.padEnd(9)} ${loadSummary(turns[at])}`);
  const ratio = (of: (floor: LoadTurn, ours: LoadTurn) => number) =>
    percentile(
      turns[0].map((floor, at) => of(floor, turns[1][at] as LoadTurn)),
      50,
    );
  const rates = ratio((floor, ours) => ours.rate / floor.rate);
  const cpus = ratio((floor, ours) => floor.cpuUs / ours.cpuUs);
  console.log(`  ${verdictAtLeast(`rate over the floor's, sending ${asking}`, rates, LEAST_OF_FLOOR)}`);
  console.log(
    `  ${verdictAtLeast(`answers per CPU second over the floor's, sending ${asking}`, cpus, LEAST_OF_FLOOR)}`,
  );
  const busy = turns.map((list) => median(list, (turn) => turn.busy));
  if (Math.min(...busy) < QUIET_BUSY) console.log("  NOT QUIET: the rates are the machine's, go by the CPU seconds");
  console.log("  one question after the other, nobody else there:");
  for (const at of [0, 1] as const) console.log(`  ${both[at].name.padEnd(9)} ${summary(alone[at])}`);
}

function loadSummary(turns: readonly LoadTurn[]): string {
  const rate = median(turns, (turn) => turn.rate).toFixed(0);
  const cpu = median(turns, ({ cpuUs }) => cpuUs).toFixed(1);
  return `${rate} answers/s, ${cpu} µs of CPU each, ${median(turns, ({ busy }) => 100 * busy).toFixed(0)} % of its core`;
}

function median(turns: readonly LoadTurn[], of: (turn: LoadTurn) => number): number {
  return percentile(turns.map(of), 50);
}

async function measureBesideSilent([floor, ours]: Two<Contestant>): Promise<void> {
  const beside = await askBesideSilent(ours, BESIDE_MS.checkers);
  const besideFloor = await askBesideSilent(floor, BESIDE_MS.floor);
  const perSecond = Math.round(SILENT / (SILENT_STAY_MS / 1_000));
  console.log(`\nagent: ${OPEN} open connections that say nothing, ${perSecond} new ones per second; fresh questions`);
  for (const { name, open, samples } of [besideFloor, beside]) {
    console.log(`  ${name.padEnd(9)} ${summary(samples)}, open ${Math.min(...open)} to ${Math.max(...open)}`);
  }
  console.log(
    `  ${verdictAtLeast("connections open while it was asked, at the least", Math.min(...beside.open), OPEN)}`,
  );
  console.log(`  ${verdict("ms for a fresh question, p99", percentile(beside.samples, 99), FRESH_MS)}`);
}

/** How long questions took, ms, and how many connections the port had each time it was looked. */
interface Beside {
  readonly name: string;
  readonly samples: readonly number[];
  readonly open: readonly number[];
}

async function askBesideSilent(contestant: Contestant, forMs: number): Promise<Beside> {
  const silent = startSilent(contestant, SILENT, SILENT_STAY_MS);
  const count = async () => (await contestant.counts()).open;
  await eventually(`${OPEN} connections are open`, async () => (await count()) >= OPEN);
  let over = false;
  const asked = askInTurn(contestant, forMs, PAUSE_MS).finally(() => {
    over = true;
  });
  const open: number[] = [];
  while (!over) {
    open.push(await count());
    await sleep(COUNT_EVERY_MS);
  }
  await silent.kill();
  return { name: contestant.name, samples: await asked, open };
}

await main();
