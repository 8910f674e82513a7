import { createConnection } from "node:net";
import { afterEach, expect, test } from "vitest";
import { encodeCommands } from "../../checkers/redis/resp.ts";
import { eventually } from "../support/eventually.ts";
import { MASTER_NAME, masterBy, type Redis, type RedisTrio, startRedisTrio, startSentinels } from "../support/redis.ts";
import {
  type RunningRedisChecker,
  startAsking,
  startRedisChecker,
  untilPublished,
  valuesFor,
} from "../support/redis-checker.ts";
import { releaseLater } from "../support/releases.ts";

/** Longer than Sentinel takes to notice, to agree and to promote, on a busy machine. */
const FAILOVER_MS = 25_000;

const timings: string[] = [];
function tell(what: string, { switches }: Stage, movedMs: number): void {
  timings.push(`${what} to the new entry: ${(movedMs - (switches.firstMs ?? Number.NaN)).toFixed(1)} ms`);
}
afterEach(() => {
  for (const line of timings.splice(0)) process.stdout.write(`${line}\n`);
});

interface Stage extends RedisTrio {
  readonly sentinels: readonly Redis[];
  readonly checker: RunningRedisChecker;
  readonly switches: Switches;
}

/** What the Sentinels have published since. */
interface Switches {
  /** The new masters in order, each once. */
  readonly masters: readonly string[];
  /** When the first of them was published. */
  readonly firstMs: number | undefined;
}

/** A trio, three Sentinels and a checker that has published the master. */
async function startStage(): Promise<Stage> {
  const trio = await startRedisTrio();
  const sentinels = await startSentinels(trio, { count: 3 });
  const checker = await startRedisChecker(valuesFor([], sentinels));
  await untilPublished(checker, trio.master);
  return { ...trio, sentinels, checker, switches: await listen(sentinels) };
}

/** The server that has been promoted: all Sentinels name it, and it says so itself. */
async function promoted({ master, replicas, sentinels }: Stage): Promise<Redis> {
  return eventually(
    "all Sentinels name the new master",
    async () => {
      const names = new Set(await Promise.all(sentinels.map(masterBy)));
      const [name] = names;
      if (names.size > 1 || name === master.server) return undefined;
      return replicas.find(({ server }) => server === name);
    },
    FAILOVER_MS,
  );
}

/** The entry has moved to the new master: once for each time that the Sentinels have, which should be one time. */
async function untilMoved(stage: Stage): Promise<Redis> {
  const next = await promoted(stage);
  await untilPublished(stage.checker, next);
  expectEachMoveOnce(stage);
  return next;
}

function expectEachMoveOnce({ checker, master, switches }: Stage): void {
  expect(checker.history(), checker.messages().join("\n")).toEqual([master.server, ...switches.masters]);
}

test("kill -9 of the master: the entry moves once, and the old one, back as a master, is never published again", async () => {
  const stage = await startStage();
  const moved = whenPublished(stage, (name) => name !== stage.master.server);
  await stage.master.kill();
  const next = await untilMoved(stage);
  tell("+switch-master after kill -9", stage, await moved);
  await stage.master.restart();
  const asking = startAsking(valuesFor([], stage.sentinels));
  expect((await asking.verdict(stage.master)).reason).toBe(
    `says that it is the master, but Sentinel has deposed it: the master is ${next.server}`,
  );
  await eventually(
    "it is a replica",
    async () => String(await stage.master.command("ROLE")).startsWith("slave"),
    FAILOVER_MS,
  );
  expectEachMoveOnce(stage);
  expect(stage.checker.published()).not.toBe(stage.master.server);
}, 60_000);

test("SIGSTOP of the master: the entry moves once, and the old one that goes on as a master stays out", async () => {
  const stage = await startStage();
  stage.master.pause();
  const next = await untilMoved(stage);
  expect(stage.checker.messages()).toContainEqual(
    expect.stringContaining(`${stage.master.server} is down (no answer within 500 ms, 2 of 2)`),
  );
  stage.master.resume();
  const asking = startAsking(valuesFor([], stage.sentinels));
  const deposed = `says that it is the master, but Sentinel has deposed it: the master is ${next.server}`;
  await eventually("it goes on", async () => (await asking.verdict(stage.master)).reason === deposed);
  expectEachMoveOnce(stage);
}, 60_000);

test("a failover by hand moves the entry once, while both say that they are the master", async () => {
  const stage = await startStage();
  const moved = whenPublished(stage, (name) => name !== stage.master.server);
  await stage.sentinels[0]?.command("SENTINEL", "FAILOVER", MASTER_NAME);
  const next = await untilMoved(stage);
  tell("+switch-master by hand", stage, await moved);
  expect(stage.checker.published()).toBe(next.server);
}, 60_000);

test("with most Sentinels gone the entry stays, and a master that dies then is not replaced by anybody's own word", async () => {
  const stage = await startStage();
  const { master, replicas, sentinels, checker } = stage;
  const [first, second] = sentinels as [Redis, Redis, Redis];
  await first.kill();
  second.pause();
  await eventually("it is told", () =>
    checker.messages().some((line) => line.includes(`cannot tell whether ${master.server} is up`)),
  );
  await replicas[0].command("REPLICAOF", "NO", "ONE");
  await master.kill();
  await eventually("the master is down", () =>
    checker.messages().some((line) => line.includes(`${master.server} is down (connection refused`)),
  );
  await eventually("the other one is not believed", () =>
    checker.messages().some((line) => line.includes(`cannot tell whether ${replicas[0].server} is up`)),
  );
  expect(checker.history()).toEqual([master.server]);
  expect(checker.published()).toBe(master.server);
  second.resume();
  await first.restart();
  const next = await promoted(stage);
  await untilPublished(checker, next);
  expectEachMoveOnce(stage);
}, 60_000);

test("nothing is published before a majority of the Sentinels has spoken", async () => {
  const trio = await startRedisTrio();
  const sentinels = await startSentinels(trio, { count: 3 });
  const [first, second] = sentinels as [Redis, Redis, Redis];
  await Promise.all([first.kill(), second.kill()]);
  const checker = await startRedisChecker(valuesFor([], sentinels));
  await eventually("it cannot tell", () =>
    checker.messages().some((line) => line.includes("but only 1 of 3 Sentinels answers")),
  );
  expect(checker.published()).toBeUndefined();
  await first.restart();
  await untilPublished(checker, trio.master);
});

test("a checker that is restarted in the middle of a failover ends at the new master, with one move", async () => {
  const stage = await startStage();
  await stage.master.kill();
  await eventually("it is noticed", () => stage.checker.messages().some((line) => line.includes("is down (conn")));
  await stage.checker.stop();
  const again = await startRedisChecker(valuesFor([], stage.sentinels), {}, stage.checker.folder);
  const next = await promoted(stage);
  await untilPublished(again, next);
  expect(again.history()).toEqual([next.server]);
}, 60_000);

/** Listens to all Sentinels, as any client may. */
async function listen(sentinels: readonly Redis[]): Promise<Switches> {
  const masters = new Set<string>();
  const switches = { masters: [] as string[], firstMs: undefined as number | undefined };
  const listenTo = (sentinel: Redis) =>
    new Promise<void>((ready) => {
      const socket = createConnection({ host: sentinel.address, port: sentinel.port });
      releaseLater("listener", () => void socket.destroy());
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        if (bytes.includes("subscribe")) ready();
        for (const [, host, port] of bytes.toString().matchAll(/m1 \S+ \d+ (\S+) (\d+)/g)) {
          switches.firstMs ??= performance.now();
          masters.add(`${host}:${port}`);
          switches.masters = [...masters];
        }
      });
      socket.write(encodeCommands([["SUBSCRIBE", "+switch-master"]]));
    });
  await Promise.all(sentinels.map(listenTo));
  return switches;
}

/** When the entry has first named such a server, to the millisecond. */
async function whenPublished({ checker }: Stage, isIt: (name: string) => boolean): Promise<number> {
  for (;;) {
    const name = checker.published();
    if (name !== undefined && isIt(name)) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
