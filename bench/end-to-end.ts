// From the end of the published server to the first query that another one answers through HAProxy, with clients at
// work all the time: MySQL, Redis, memcached over a real Consul. `npm run bench:end-to-end`
import { setTimeout as sleep } from "node:timers/promises";
import { type Consul, startConsul } from "../test/support/consul.ts";
import { eventually } from "../test/support/eventually.ts";
import { startProgram } from "../test/support/program.ts";
import { releaseAll } from "../test/support/releases.ts";
import type { Server } from "../test/support/server.ts";
import { type ApplySide, startApplySide } from "./support/apply-side.ts";
import { type Field, memcachedField, mysqlField, redisField } from "./support/fields.ts";
import { percentile, summary, verdict } from "./support/stats.ts";

const FAILOVERS = 50;
/**
 * A query begins so often, whether or not those before it are answered: who connects to a server just as it dies is kept
 * by HAProxy for a second before it tries again (`retries` in its manual), and says nothing of those who come after.
 */
const QUERY_EVERY_MS = 5;
/** Queries that wait, at the most. */
const MOST_WAITING = 500;
const PATIENCE_MS = 30_000;
const TARGET = { p50: 40, p99: 150 };

async function main(): Promise<void> {
  const only = process.argv.slice(2);
  const kinds = { mysql: mysqlField, redis: redisField, memcached: memcachedField };
  const chosen = Object.entries(kinds).filter(([name]) => only.length === 0 || only.includes(name));
  for (const [, open] of chosen) await measureField(await open());
  await releaseAll();
}

async function measureField(field: Field): Promise<void> {
  const consul = await startConsul();
  startProgram("checkers", [...field.args, "--consul", `${consul.address}:${consul.port}`], field.env);
  await eventually("an entry is published", async () => (await published(consul, field)) !== undefined);
  const prefix = `haproxy/${field.kind}/`;
  const side = await startApplySide(consul, { apply: "runtime", prefix, onReplace: "shutdown-sessions" });
  const crowd = startCrowd(field, side, (await proxyport(consul, field)) ?? 0);
  await crowd.answer((name) => name !== "");
  const ms: number[] = [];
  for (let n = 0; n < FAILOVERS; n++) ms.push(await failOver(field, crowd));
  await crowd.stop();
  const reloads = side.render.stderr().match(/reloaded/g)?.length ?? 0;
  console.log(
    `\nend to end: ${field.what}; kill -9 → the first query answered by another, a query each ${QUERY_EVERY_MS} ms`,
  );
  console.log(`  ${summary(ms)}, ${reloads} reloads`);
  console.log(`  ${verdict(`ms with ${field.kind}, p50`, percentile(ms, 50), TARGET.p50)}`);
  console.log(`  ${verdict(`ms with ${field.kind}, p99`, percentile(ms, 99), TARGET.p99)}`);
  await consul.stop();
}

/** Ends the server that answers; ms until another one does. It is given back afterwards. */
async function failOver(field: Field, crowd: Crowd): Promise<number> {
  const name = (await crowd.answer((answered) => answered !== "")).name;
  const server = field.servers.find((one) => field.nameOf(one) === name);
  if (server === undefined) throw new Error(`${name} answers, which is none of the servers`);
  const another = crowd.answer((answered) => answered !== name);
  const beganMs = performance.now();
  process.kill(server.pid, "SIGKILL");
  await field.afterKill(server);
  const { atMs } = await another;
  await giveBack(field, server);
  // No two faults at the same phase of the rounds.
  await sleep(Math.random() * 1_000);
  return atMs - beganMs;
}

async function giveBack(field: Field, server: Server): Promise<void> {
  await server.restart();
  await field.untilFit(server);
}

/** Queries that come one after the other, each over a new connection. */
interface Crowd {
  /** The first answer from now on whose server's name is one that is looked for. */
  answer(isWanted: (name: string) => boolean): Promise<{ readonly name: string; readonly atMs: number }>;
  stop(): Promise<void>;
}

function startCrowd(field: Field, side: ApplySide, port: number): Crowd {
  const hopes = new Set<(name: string, atMs: number) => void>();
  const waiting = new Set<Promise<void>>();
  const query = async () => {
    const name = await field.ask({ address: side.address, port }).catch(() => "");
    const atMs = performance.now();
    if (name !== "") for (const hope of hopes) hope(name, atMs);
  };
  const timer = setInterval(() => {
    if (waiting.size >= MOST_WAITING) return;
    const one = query().finally(() => waiting.delete(one));
    waiting.add(one);
  }, QUERY_EVERY_MS);
  return {
    answer: (isWanted) =>
      new Promise((resolve, reject) => {
        const patience = setTimeout(() => reject(new Error("nobody else answers")), PATIENCE_MS);
        const hope = (name: string, atMs: number) => {
          if (!isWanted(name)) return;
          hopes.delete(hope);
          clearTimeout(patience);
          resolve({ name, atMs });
        };
        hopes.add(hope);
      }),
    async stop() {
      clearInterval(timer);
      await Promise.all(waiting);
    },
  };
}

async function published(consul: Consul, { kind, tag }: Field): Promise<string | undefined> {
  const response = await consul.request(`/v1/kv/haproxy/${kind}/${tag}?raw`);
  const text = await response.text();
  return response.ok ? text : undefined;
}

async function proxyport(consul: Consul, field: Field): Promise<number | undefined> {
  const text = await published(consul, field);
  return text === undefined ? undefined : (JSON.parse(text) as { proxyport: number }).proxyport;
}

await main();
