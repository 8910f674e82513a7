import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { followHistory, type KvHistory } from "../support/kv-history.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startMemcached } from "../support/memcached.ts";
import { startProgram, untilLogged } from "../support/program.ts";
import { type Random, someSeed, withSeed } from "../support/random.ts";
import type { Server } from "../support/server.ts";

/** The built `checkers`, real memcacheds, a real Consul; processes are stopped and continued at random. */

const CHECKERS = 3;
const ROUNDS = 5;

let consul: Consul;
beforeAll(async () => {
  consul = await startConsul();
});

interface Entry {
  readonly host: string;
  readonly proxyport: number;
}

interface Stage {
  readonly tag: string;
  readonly servers: readonly Server[];
  readonly checkers: Launched[];
  readonly history: KvHistory;
  start(at: number): Launched;
}

let stages = 0;

async function createStage(ha: boolean): Promise<Stage> {
  const tag = `p${stages++}`;
  const prefix = await loopbackPrefix();
  const servers = await Promise.all(
    [2, 3, 4].map((last) => startMemcached({ address: `${prefix}.${last}`, port: 21_211 })),
  );
  const list = servers.map(({ server }) => server).join();
  const start = (at: number) => {
    const common = ["memcached", "--server", list, "--tag", tag, "--consul", `${consul.address}:${consul.port}`];
    const times = ["--interval", "200ms", "--timeout", "200ms"];
    // The proxyport of an entry tells who wrote it.
    return startProgram("checkers", [...common, ...times, "--proxyport", `${20_000 + at}`, ...(ha ? ["--ha"] : [])]);
  };
  const stage = { tag, servers, checkers: [], history: followHistory(consul, `haproxy/memcached/${tag}`), start };
  return stage;
}

const entryOf = (value: string | undefined) => (value === undefined ? undefined : (JSON.parse(value) as Entry));
const published = ({ history }: Stage) => entryOf(history.latest?.value);
const writerOf = (value: string | undefined) => (entryOf(value)?.proxyport ?? 0) - 20_000;

/** Which of the processes holds a session; its name ends with the pid. */
async function ownerOf(stage: Stage, session: string | undefined): Promise<number | undefined> {
  const [info] = (await (await consul.request(`/v1/session/info/${session}`)).json()) as { Name: string }[];
  const at = stage.checkers.findIndex(({ pid }) => info?.Name.endsWith(`:${pid}`));
  return at === -1 ? undefined : at;
}

/** A process that was stopped hears of everything only now: it has when it has said so itself. */
async function untilTold(stage: Stage, from: readonly number[], server: Server, word: string): Promise<void> {
  const pattern = new RegExp(`${server.server.replaceAll(".", "\\.")} is ${word}`);
  await Promise.all(stage.checkers.map((checker, at) => untilLogged(checker, pattern, from[at] ?? 0)));
}

const lengths = ({ checkers }: Stage) => checkers.map((checker) => checker.stderr().length);

/** The published server dies while some of the checkers stand still; they go on when its successor is published. */
async function playRound(stage: Stage, random: Random, ha: boolean): Promise<void> {
  const { history, checkers, servers } = stage;
  await history.caughtUp();
  const paused = checkers.filter(() => random.chance(0.5)).slice(0, CHECKERS - 1);
  const before = published(stage);
  const victim = servers.find(({ address }) => address === before?.host);
  if (victim === undefined) throw new Error(`nobody has the address ${before?.host}`);
  const holder = history.latest?.session;
  const leader = ha ? await ownerOf(stage, holder) : undefined;
  const from = lengths(stage);
  for (const checker of paused) checker.pause();
  // Consul does the same 10 to 20 s after a holder fell silent.
  if (leader !== undefined && paused.includes(checkers[leader] as Launched)) {
    await consul.request(`/v1/session/destroy/${holder}`, { method: "PUT" });
  }
  await victim.kill();
  await eventually("another entry", () => published(stage)?.host !== before?.host);
  await history.caughtUp();
  const after = history.latest;
  for (const checker of paused) checker.resume();
  await untilTold(stage, from, victim, "down");
  await victim.restart();
  await untilTold(stage, from, victim, "up again");
  await history.caughtUp();
  expect(history.latest?.value).toBe(after?.value);
}

async function play(random: Random, ha: boolean): Promise<void> {
  const stage = await createStage(ha);
  for (let at = 0; at < CHECKERS; at++) stage.checkers.push(stage.start(at));
  await eventually("the first entry", () => published(stage));
  await Promise.all(stage.checkers.map((checker) => untilLogged(checker, /stays published|is published/)));
  for (let round = 0; round < ROUNDS; round++) await playRound(stage, random, ha);
  const values = stage.history.versions.map(({ value }) => value).filter((value) => value !== undefined);
  const moves = values.filter((value, at) => value !== values[at - 1]);
  expect(moves).toHaveLength(1 + ROUNDS);
}

describe.each([
  { how: "check-and-set", ha: false },
  { how: "--ha", ha: true },
])("three processes with $how of which some stand still", ({ ha }) => {
  test("each death of a server moves the entry once, and nobody who wakes up moves it back", async () => {
    await withSeed(someSeed(), (random) => play(random, ha));
  });
});

describe("with --ha", () => {
  test("a leader that is stopped loses its lock, and when it goes on it has written nothing and stands by", async () => {
    const stage = await createStage(true);
    const [first, second] = stage.servers as [Server, Server];
    const leader = stage.start(0);
    stage.checkers.push(leader);
    await untilLogged(leader, /is published/);
    const follower = stage.start(1);
    stage.checkers.push(follower);
    await untilLogged(follower, /standing by/);
    await stage.history.caughtUp();
    const session = stage.history.latest?.session;
    // It stands still in the very moment in which it would publish: the death is news to it, the write is not out.
    leader.pause();
    await eventually("all of its threads to stand still", () => isStopped(leader.pid));
    await first.kill();
    await consul.request(`/v1/session/destroy/${session}`, { method: "PUT" });
    await eventually("the follower's entry", () => published(stage)?.host === second.address);
    await stage.history.caughtUp();
    const after = stage.history.latest;
    expect(writerOf(after?.value)).toBe(1);
    expect(await ownerOf(stage, after?.session)).toBe(1);
    leader.resume();
    await untilLogged(leader, /does not lead any more/);
    await untilLogged(leader, /standing by/);
    await stage.history.caughtUp();
    expect(stage.history.latest).toEqual(after);
  });

  test("SIGTERM hands over at once, with the entry as it is", async () => {
    const stage = await createStage(true);
    for (let at = 0; at < 2; at++) {
      stage.checkers.push(stage.start(at));
      await untilLogged(stage.checkers[at] as Launched, at === 0 ? /is published/ : /standing by/);
    }
    await stage.history.caughtUp();
    const { value, session } = stage.history.latest ?? {};
    const [leader, follower] = stage.checkers as [Launched, Launched];
    expect((await leader.stop()).code).toBe(0);
    await untilLogged(follower, /leads now/);
    await stage.history.caughtUp();
    expect(stage.history.latest?.value).toBe(value);
    expect(stage.history.latest?.session).not.toBe(session);
    expect(await ownerOf(stage, stage.history.latest?.session)).toBe(1);
    expect(await (await consul.request(`/v1/session/info/${session}`)).json()).toEqual([]);
  });
});

/** Whether each thread of a process is stopped. */
function isStopped(pid: number): boolean {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.every((task) =>
    / T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, "latin1").replace(/^.*\)/, "")),
  );
}
