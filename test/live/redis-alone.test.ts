import { once } from "node:events";
import { createConnection } from "node:net";
import { describe, expect, test } from "vitest";
import { encodeCommands } from "../../checkers/redis/resp.ts";
import { eventually } from "../support/eventually.ts";
import { type Redis, type RedisTrio, startRedisTrio } from "../support/redis.ts";
import { type RunningRedisChecker, startRedisChecker, untilPublished, valuesFor } from "../support/redis-checker.ts";

interface Stage extends RedisTrio {
  readonly checker: RunningRedisChecker;
}

/** A trio and a checker that has published the master by its own word. */
async function startStage(): Promise<Stage> {
  const trio = await startRedisTrio();
  const checker = await startRedisChecker(valuesFor(trio.all));
  await untilPublished(checker, trio.master);
  return { ...trio, checker };
}

async function untilSaid(checker: RunningRedisChecker, words: string): Promise<void> {
  try {
    await eventually(words, () => checker.messages().some((line) => line.includes(words)));
  } catch (error) {
    throw new Error(`the log was:\n${checker.messages().join("\n")}`, { cause: error });
  }
}

describe("checkers redismaster without Sentinels", () => {
  test("a dead master leaves the entry alone until somebody is promoted, and is not followed back", async () => {
    const { master, replicas, checker } = await startStage();
    await master.kill();
    await untilSaid(checker, `${master.server} is down (connection refused, 2 of 2); none of the 3 servers is up`);
    expect(checker.published()).toBe(master.server);
    await replicas[1].command("REPLICAOF", "NO", "ONE");
    await untilPublished(checker, replicas[1]);
    await replicas[0].command("REPLICAOF", replicas[1].address, `${replicas[1].port}`);
    await master.restart();
    await untilSaid(checker, `SPLIT: ${master.server} and ${replicas[1].server} say that they are the master`);
    await master.command("REPLICAOF", replicas[1].address, `${replicas[1].port}`);
    await untilSaid(checker, "the split is over");
    expect(checker.history()).toEqual([master.server, replicas[1].server]);
  });

  test("a master that hangs leaves the entry alone, and whoever is promoted meanwhile keeps it when it goes on", async () => {
    const { master, replicas, checker } = await startStage();
    master.pause();
    await untilSaid(checker, `${master.server} is down (no answer within 500 ms, 2 of 2)`);
    await replicas[0].command("REPLICAOF", "NO", "ONE");
    await untilPublished(checker, replicas[0]);
    master.resume();
    await untilSaid(checker, `SPLIT: ${master.server} and ${replicas[0].server} say that they are the master`);
    expect(checker.history()).toEqual([master.server, replicas[0].server]);
  });

  test("of two masters the published one is kept", async () => {
    const { master, replicas, checker } = await startStage();
    await replicas[0].command("REPLICAOF", "NO", "ONE");
    await replicas[1].command("REPLICAOF", replicas[0].address, `${replicas[0].port}`);
    await replicas[0].command("SET", "more", "than the other");
    await untilSaid(checker, `${master.server} stays published`);
    await untilSaid(checker, "SPLIT:");
    expect(checker.history()).toEqual([master.server]);
  });

  test("with nothing published, of two masters the one with more replicas is taken, then the one with more data", async () => {
    const { master, replicas, all } = await startRedisTrio();
    const [next, follower] = replicas;
    await next.command("REPLICAOF", "NO", "ONE");
    await follower.command("REPLICAOF", next.address, `${next.port}`);
    await eventually("it has the replica", async () => String(await next.command("ROLE")).includes(follower.address));
    await eventually("the old one has none", async () => String(await master.command("ROLE")).split(",").length < 4);
    for (let at = 0; at < 10; at++) await master.command("SET", `key${at}`, "x".repeat(1_000));
    const first = await startRedisChecker(valuesFor(all));
    await untilPublished(first, next);
    expect(first.history()).toEqual([next.server]);
    await first.stop();
    await follower.command("REPLICAOF", "NO", "ONE");
    await eventually("none has a replica", async () => String(await next.command("ROLE")).split(",").length < 4);
    const second = await startRedisChecker(valuesFor([next, follower, master]));
    await untilPublished(second, master);
    expect(second.history()).toEqual([master.server]);
  });

  test("a switchover by hand moves the entry once", async () => {
    const { master, replicas, checker } = await startStage();
    await master.command("FAILOVER", "TO", replicas[0].address, `${replicas[0].port}`);
    await untilPublished(checker, replicas[0]);
    await untilSaid(checker, `${master.server} is down (is a replica of ${replicas[0].server}`);
    expect(checker.history()).toEqual([master.server, replicas[0].server]);
  });

  test("a password that is set under the checker changes nothing, and is told", async () => {
    const { master, checker } = await startStage();
    await master.command("CONFIG", "SET", "requirepass", "secret");
    // Those who are in stay in: it is the next connection that is refused.
    await dropClients(master);
    await untilSaid(checker, `cannot tell whether ${master.server} is up (wants a password (NOAUTH))`);
    expect(checker.history()).toEqual([master.server]);
    expect(checker.messages().filter((line) => line.includes(`${master.server} is down`))).toEqual([]);
  });
});

async function dropClients({ address, port }: Redis): Promise<void> {
  const socket = createConnection({ host: address, port });
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.end(
    encodeCommands([
      ["AUTH", "secret"],
      ["CLIENT", "KILL", "TYPE", "normal"],
    ]),
  );
  await once(socket, "close");
}
