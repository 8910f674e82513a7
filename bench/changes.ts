// 1,000 changed addresses under load, without a reload and by reloads: what clients and the machine notice.
// `npm run bench:changes`
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import { startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { releaseAll, releaseLater } from "../test/support/releases.ts";
import { type ApplyHow, type ApplySide, startApplySide, startEcho, startEchoing } from "./support/apply-side.ts";
import { residentMib } from "./support/cpu.ts";
import { verdict } from "./support/stats.ts";
import { createWriter, type Entries, fill, PREFIX } from "./support/workload.ts";

const TAGS = 20;
const ROUNDS = 50;
const SESSIONS = 50;
const CLIENTS = 4;
const ECHO_PORT = 21_311;
const CALM = TAGS;
const ROUND_PATIENCE_MS = 60_000;

/** What came of 1,000 changes. */
interface Outcome {
  readonly seconds: number;
  readonly reloads: number;
  readonly answered: number;
  readonly failed: number;
  /** Of the sessions that were open all the time. */
  readonly reset: number;
  readonly mostWorkers: number;
  readonly workersAtEnd: number;
  readonly mostMib: number;
}

async function main(): Promise<void> {
  const prefix = await loopbackPrefix();
  const hosts = [`${prefix}.11`, `${prefix}.12`] as const;
  const calm = `${prefix}.13`;
  for (const host of hosts) await startEcho(host, ECHO_PORT);
  await startEchoing(calm, ECHO_PORT);
  console.log(
    `\nchanges: ${TAGS * ROUNDS} addresses, ${TAGS} at a time, ${SESSIONS} sessions on another listener, ${CLIENTS} clients at work`,
  );
  for (const how of ["runtime", "reload"] as const) {
    const outcome = await measure(how, { hosts, calm });
    const { seconds, reloads, answered, failed, reset, mostWorkers, workersAtEnd, mostMib } = outcome;
    console.log(
      `  ${how === "runtime" ? "without a reload" : "by reloads"}: ${seconds.toFixed(1)} s, ${reloads} reloads, ${answered} requests answered, ${failed} failed`,
    );
    console.log(
      `    ${SESSIONS - reset} of ${SESSIONS} sessions lived on; HAProxy workers: ${mostWorkers} at the most, ${workersAtEnd} at the end, ${mostMib.toFixed(0)} MiB at the most`,
    );
    if (how === "reload") continue;
    console.log(`  ${verdict("requests that failed", failed, 0)}`);
    console.log(`  ${verdict("sessions that were reset", reset, 0)}`);
    console.log(`  ${verdict("reloads", reloads, 0)}`);
    console.log(`  ${verdict("workers at the end", workersAtEnd, 1)}`);
  }
  await releaseAll();
}

async function measure(
  how: ApplyHow,
  { hosts, calm }: { readonly hosts: readonly [string, string]; readonly calm: string },
): Promise<Outcome> {
  const consul = await startConsul();
  const entries: Entries = { port: ECHO_PORT, proxyport: (i) => 20_000 + i, firstHost: hosts[0] };
  await fill(consul, TAGS + 1, entries);
  const writer = createWriter(consul, entries);
  await writer.put(CALM, calm);
  const side = await startApplySide(consul, { apply: how, prefix: PREFIX, onReplace: "keep" });
  const reloadsOf = () => side.render.stderr().match(/reloaded/g)?.length ?? 0;
  const reloadsBefore = reloadsOf();
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => openSession(side, entries.proxyport(CALM))),
  );
  const load = startLoad(side, entries);
  const most = { workers: 0, mib: 0 };
  const beganMs = performance.now();
  for (let round = 1; round <= ROUNDS; round++) {
    const host = hosts[round % 2] ?? calm;
    await Promise.all(Array.from({ length: TAGS }, (_, i) => writer.put(i, host)));
    await eventually(`round ${round}`, () => hasAll(side, host), ROUND_PATIENCE_MS);
    const pids = workersOf(side);
    most.workers = Math.max(most.workers, pids.length);
    most.mib = Math.max(
      most.mib,
      pids.map(memoryOf).reduce((sum, mib) => sum + mib, 0),
    );
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  const { answered, failed } = await load.stop();
  const alive = await Promise.all(sessions.map((session) => session.lives()));
  const outcome = {
    seconds,
    reloads: reloadsOf() - reloadsBefore,
    answered,
    failed,
    reset: alive.filter((lives) => !lives).length,
  };
  const workersAtEnd = workersOf(side).length;
  writer.close();
  await side.render.stop();
  await side.haproxy.stop();
  await consul.stop();
  return { ...outcome, mostWorkers: most.workers, workersAtEnd, mostMib: most.mib };
}

/** Whether HAProxy sends all tags to this host. While it reloads nobody may answer. */
async function hasAll(side: ApplySide, host: string): Promise<boolean> {
  const state = await side.haproxy.cli("show servers state").catch(() => "");
  return state.split("\n").filter((line) => line.includes(` ${host} `)).length === TAGS;
}

/** HAProxy's workers, the old ones among them: the children of the master. */
function workersOf(side: ApplySide): readonly number[] {
  try {
    return execFileSync("pgrep", ["-P", `${side.haproxy.pid}`], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    return [];
  }
}

/** 0 for one that has ended meanwhile. */
function memoryOf(pid: number): number {
  try {
    return residentMib(pid) || 0;
  } catch {
    return 0;
  }
}

/** One request after the other, each over a new connection. */
function startLoad(side: ApplySide, entries: Entries) {
  const counts = { answered: 0, failed: 0 };
  let stopped = false;
  const client = async (first: number) => {
    for (let at = first; !stopped; at++) {
      if (await isAnswered(side.address, entries.proxyport(at % TAGS))) counts.answered += 1;
      else counts.failed += 1;
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, at) => client(at * 5));
  return {
    async stop() {
      stopped = true;
      await Promise.all(clients);
      return counts;
    },
  };
}

function isAnswered(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let said = "";
    const socket = createConnection({ host, port }).setEncoding("latin1");
    socket.on("data", (text: string) => {
      said += text;
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(said !== ""));
  });
}

async function openSession({ address }: ApplySide, port: number) {
  const socket = createConnection({ host: address, port });
  releaseLater("a session", async () => void socket.destroy());
  socket.on("error", () => socket.destroy());
  await once(socket, "connect");
  return {
    /** Whether it still says back what it is told. */
    lives: () =>
      new Promise<boolean>((resolve) => {
        if (socket.destroyed) return resolve(false);
        socket.once("data", () => resolve(true)).once("close", () => resolve(false));
        socket.write("still here\n");
      }),
  };
}

await main();
