// From the end of the published MySQL replica to the entry in Consul that names another one, with the whole pipeline
// running beside it. `npm run bench:failover`
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../src/lib/system-clock.ts";
import { openStore } from "../src/stores/open.ts";
import { createCaptureLogger } from "../test/support/capture-logger.ts";
import { type Consul, startConsul } from "../test/support/consul.ts";
import type { Launched } from "../test/support/launch.ts";
import { type Mariadb, MONITOR, replicationSet } from "../test/support/mariadb.ts";
import { startProgram, untilLogged } from "../test/support/program.ts";
import { releaseAll, releaseLater } from "../test/support/releases.ts";
import { startProxySide } from "./support/pipeline.ts";
import { percentile, summary, verdict } from "./support/stats.ts";

const TAG = "slave3301";
const KEY = `haproxy/mysqlslave/${TAG}`;
const KILLS = 50;
const HANGS = 10;
const TIMEOUT_MS = 500;
const FALL = 2;
const SILENCE_MS = 30_000;

/** A replica must come back from kill -9 with the position it had. */
const CRASH_SAFE = ["innodb_flush_log_at_trx_commit=2"];

/** When the entry began to name a server, as a watcher of Consul learned of it. */
interface Sightings {
  /** The server that is published now. */
  current(): string | undefined;
  /** Resolves with the moment at which the entry named another server than `server`. */
  another(server: string): Promise<number>;
}

async function main(): Promise<void> {
  const consul = await startConsul();
  const { master, replicas } = await replicationSet(2, CRASH_SAFE);
  const checker = startProgram(
    "checkers",
    [
      "mysqlslave",
      ...["--host", master.address, "--port", `${master.port}`, "--user", MONITOR.user, "--tag", TAG],
      ...["--consul", `${consul.address}:${consul.port}`],
    ],
    { CONFD_HAPROXY_PASSWORD: MONITOR.password },
  );
  const sightings = await watchEntry(consul);
  await untilLogged(checker, /is published/);
  const render = await startProxySide(consul, "haproxy/mysqlslave/");

  console.log(`\nfailover: MariaDB master with 2 replicas, Consul, checkers mysqlslave, render --watch, HAProxy`);
  const stage = { checker, render, replicas, sightings };
  const killed = await measure(KILLS, stage, (server) => process.kill(server.pid, "SIGKILL"));
  console.log(`  kill -9  ${summary(killed)}`);
  const hung = await measure(HANGS, stage, (server) => server.pause());
  console.log(`  SIGSTOP  ${summary(hung)}`);
  console.log(`  ${verdict("ms from kill -9 to the new entry, p50", percentile(killed, 50), 25)}`);
  console.log(`  ${verdict("ms from kill -9 to the new entry, p99", percentile(killed, 99), 100)}`);
  const limitMs = TIMEOUT_MS * FALL + 100;
  console.log(`  ${verdict("ms from SIGSTOP to the new entry, max", percentile(hung, 100), limitMs)}`);
  await releaseAll();
}

interface Stage {
  readonly checker: Launched;
  readonly render: Launched;
  readonly replicas: readonly Mariadb[];
  readonly sightings: Sightings;
}

/** Ends the published replica again and again; each time it is given back, and published only when it is needed. */
async function measure(
  times: number,
  { checker, render, replicas, sightings }: Stage,
  end: (server: Mariadb) => void,
): Promise<number[]> {
  const ms: number[] = [];
  for (let n = 0; n < times; n++) {
    const server = replicas.find((replica) => replica.server === sightings.current());
    if (server === undefined) throw new Error(`${sightings.current()} is published, which is no replica`);
    const [logged, rendered] = [checker.stderr().length, render.stderr().length];
    const moved = sightings.another(server.server);
    const beganMs = performance.now();
    end(server);
    ms.push((await moved) - beganMs);
    await untilLogged(render, /reloaded/, rendered);
    await (server.running ? resume(server) : server.restart());
    await untilLogged(checker, new RegExp(`${server.server} is up again`), logged);
    // No two faults at the same phase of the rounds.
    await sleep(Math.random() * 1_000);
  }
  return ms;
}

async function resume(server: Mariadb): Promise<void> {
  server.resume();
  await server.restart();
}

async function watchEntry(consul: Consul): Promise<Sightings> {
  const options = {
    type: "consul",
    addresses: [{ host: consul.address, port: consul.port }],
    consistency: "default",
  } as const;
  const store = await openStore(options, { clock: systemClock, logger: createCaptureLogger() });
  const stop = new AbortController();
  releaseLater("watcher", async () => {
    stop.abort(new Error("the benchmark is over"));
    await store.close();
  });
  let current: string | undefined;
  let tell: (atMs: number) => void = () => {};
  const follow = async () => {
    for await (const { pairs } of store.watch(KEY, { signal: stop.signal, timeoutMs: 5_000 })) {
      const atMs = performance.now();
      const entry = pairs[0] === undefined ? undefined : (JSON.parse(pairs[0].value) as { host: string; port: number });
      current = entry === undefined ? undefined : `${entry.host}:${entry.port}`;
      tell(atMs);
    }
  };
  void follow().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    current: () => current,
    another: (server) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`nobody replaced ${server}`)), SILENCE_MS);
        tell = (atMs) => {
          if (current === server) return;
          clearTimeout(timer);
          resolve(atMs);
        };
      }),
  };
}

await main();
