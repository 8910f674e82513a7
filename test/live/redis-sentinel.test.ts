import { createConnection, createServer } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { MASTER_NAME, masterBy, type Redis, type RedisTrio, startRedisTrio, startSentinels } from "../support/redis.ts";
import { type Asking, startAsking, targetOf, valuesFor } from "../support/redis-checker.ts";
import { releaseLater } from "../support/releases.ts";

interface Watched extends RedisTrio {
  readonly sentinels: readonly Redis[];
  readonly asking: Asking;
}

/** A trio, Sentinels that watch it, and the checker's service that asks them. */
async function startWatched(count = 3): Promise<Watched> {
  const trio = await startRedisTrio();
  const sentinels = await startSentinels(trio, { count });
  return { ...trio, sentinels, asking: startAsking(valuesFor([], sentinels)) };
}

const call = () => ({ signal: new AbortController().signal });

describe("while all is well", () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await startWatched();
  });

  test("the master is up by its own word and that of all Sentinels, who also name the servers, always in one order", async () => {
    const { master, replicas, all, asking } = watched;
    const found = await asking.service.discover(call());
    expect(found).toEqual(all.map(targetOf));
    expect(await asking.service.discover(call())).toBe(found);
    const verdict = await asking.verdict(master);
    expect(verdict.state).toBe("up");
    expect(verdict.reason).toMatch(/^is the master of 2 replicas, as [23] of 3 Sentinels say$/);
    for (const replica of replicas) {
      expect((await asking.verdict(replica)).reason).toBe(`is a replica of ${master.server} (link connected)`);
    }
    expect(asking.messages()).toEqual([]);
  });

  test("a master name that nobody knows is told, and no server is found", async () => {
    const { master, sentinels } = watched;
    const asking = startAsking({ ...valuesFor([master], sentinels), "master-name": "nobody" });
    const verdict = await asking.verdict(master);
    expect(verdict).toEqual({
      state: "unknown",
      reason: "says that it is the master, but the Sentinels know no master of that name",
    });
    expect(asking.messages()).toContain(
      `redismaster r1: Sentinel ${sentinels[0]?.server} watches no master called "nobody"`,
    );
    const unnamed = startAsking({ ...valuesFor([], sentinels), "master-name": "nobody" });
    await expect(unnamed.service.discover(call())).rejects.toThrow("the Sentinels know no master of that name");
  });

  test("more Sentinels than were named are told of, once: a majority of too few is none", async () => {
    const { master, sentinels } = watched;
    const asking = startAsking(valuesFor([], sentinels.slice(0, 1)));
    for (let round = 0; round < 3; round++) expect((await asking.verdict(master)).state).toBe("up");
    expect(asking.messages()).toEqual([
      `redismaster r1: 3 Sentinels watch ${MASTER_NAME}, but --sentinel names 1: name them all, or the majority is not theirs`,
    ]);
  });

  test("the master's port at another address is not the master, whatever it says", async () => {
    const { master, sentinels } = watched;
    const relayed = await startRelay(master);
    const asking = startAsking(valuesFor([], sentinels));
    // Same port, other address: somebody else, who says that it is the master.
    expect((await asking.verdict(relayed)).reason).toContain("Sentinel has deposed it");
  });
});

test("a second master, of whom the Sentinels know nothing, is deposed", async () => {
  const { master, replicas, sentinels, asking } = await startWatched();
  // They would make a replica of it again.
  for (const sentinel of sentinels) sentinel.pause();
  await replicas[0].command("REPLICAOF", "NO", "ONE");
  for (const sentinel of sentinels) sentinel.resume();
  expect(await asking.verdict(replicas[0])).toEqual({
    state: "down",
    reason: `says that it is the master, but Sentinel has deposed it: the master is ${master.server}`,
  });
  expect((await asking.verdict(master)).state).toBe("up");
});

test("without a majority of the Sentinels nobody can tell, and a replica is still a replica", async () => {
  const { master, replicas, sentinels, asking } = await startWatched();
  const [first, second, third] = sentinels as [Redis, Redis, Redis];
  await asking.verdict(master);
  await first.kill();
  expect(await asking.verdict(master)).toMatchObject({ state: "up", reason: expect.stringContaining("as 2 of 3 ") });
  second.pause();
  await eventually("two are gone", async () => (await asking.verdict(master, 200)).state === "unknown");
  const reason = "says that it is the master, but only 1 of 3 Sentinels answers";
  expect(await asking.verdict(master)).toEqual({ state: "unknown", reason });
  await third.kill();
  expect((await asking.verdict(master)).reason).toContain("but none of the 3 Sentinels answers");
  expect((await asking.verdict(replicas[0])).state).toBe("down");
  expect(asking.messages()).toContainEqual(
    expect.stringMatching(`redismaster r1: Sentinel ${first.server} cannot be asked \\(.*ECONNREFUSED`),
  );
  expect(asking.messages()).toContainEqual(
    expect.stringContaining(`Sentinel ${second.server} cannot be asked (no answer`),
  );
  second.resume();
  await first.restart();
  await eventually("there is a majority", async () => (await asking.verdict(master)).state === "up");
  expect(asking.messages()).toContain(`redismaster r1: Sentinel ${first.server} answers again`);
});

test("a Sentinel that hangs is waited for once, and then no more until it answers", async () => {
  const { master, sentinels, asking } = await startWatched();
  const [, second, third] = sentinels as [Redis, Redis, Redis];
  await asking.verdict(master);
  for (const sentinel of [second, third]) sentinel.pause();
  // Two of three hang: no majority can come, so each question would take as long as is allowed.
  await eventually("it is known", async () => (await asking.verdict(master, 400)).state === "unknown");
  // Were they waited for, each of these would take longer than the test may.
  for (let round = 0; round < 5; round++) {
    expect((await asking.verdict(master, 600_000)).reason).toContain("only 1 of 3 Sentinels answers");
  }
  for (const sentinel of [second, third]) sentinel.resume();
  await eventually("they are heard again", async () => (await asking.verdict(master)).state === "up");
});

test("Sentinels that do not agree decide nothing, and their words are told", async () => {
  const [one, other] = await Promise.all([startRedisTrio(), startRedisTrio()]);
  const [[a, b], [c, d]] = (await Promise.all([
    startSentinels(one, { count: 2 }),
    startSentinels(other, { count: 2 }),
  ])) as unknown as [[Redis, Redis], [Redis, Redis]];
  const even = startAsking(valuesFor([], [a, b, c, d]));
  const verdict = await even.verdict(one.master);
  expect(verdict.state).toBe("unknown");
  expect(verdict.reason).toContain("but the Sentinels do not agree: 2 of 4 name ");
  const odd = startAsking(valuesFor([], [a, b, c]));
  expect((await odd.verdict(one.master)).state).toBe("up");
  expect((await odd.verdict(other.master)).reason).toContain("Sentinel has deposed it");
  expect(await odd.service.discover(call())).toHaveLength(6);
});

test("what is published stands in for the servers while no Sentinel has ever answered", async () => {
  const { master, sentinels } = await startWatched();
  await Promise.all(sentinels.map((sentinel) => sentinel.kill()));
  const asking = startAsking(valuesFor([], sentinels));
  await expect(asking.service.discover(call())).rejects.toThrow("none of the 3 Sentinels answers");
  const published = targetOf(master);
  expect(await asking.service.discover({ ...call(), published })).toEqual([published]);
  expect((await asking.verdict(master)).state).toBe("unknown");
});

test("servers known already stay known when the Sentinels go", async () => {
  const { sentinels, asking } = await startWatched();
  const found = await asking.service.discover(call());
  await Promise.all(sentinels.map((sentinel) => sentinel.kill()));
  expect(await asking.service.discover(call())).toBe(found);
});

test("a failover is told at once, and again after the connection for it was lost", async () => {
  const { master, sentinels, asking } = await startWatched();
  const news: string[] = [];
  asking.service.onNews?.((reason) => news.push(reason));
  const listeners = async () => {
    const counts = await Promise.all(sentinels.map((one) => one.command("CLIENT", "LIST", "TYPE", "pubsub")));
    return counts.filter((list) => String(list).includes("cmd=subscribe")).length;
  };
  await eventually("all are listened to", async () => {
    await asking.verdict(master);
    return (await listeners()) === 3;
  });
  for (const sentinel of sentinels) await sentinel.command("CLIENT", "KILL", "TYPE", "pubsub");
  await eventually("all are listened to again", async () => {
    await asking.verdict(master);
    return (await listeners()) === 3;
  });
  await sentinels[0]?.command("SENTINEL", "FAILOVER", MASTER_NAME);
  await eventually("it is told", () => news.length > 0);
  const next = await eventually("there is a majority", async () => {
    const named = await Promise.all(sentinels.map(masterBy));
    return named.find((name, at) => name !== master.server && named.indexOf(name) !== at);
  });
  expect(news[0]).toBe(`Sentinel has made ${next} the master`);
  expect(asking.messages()).toContainEqual(expect.stringMatching(`Sentinel \\S+ has made ${next} the master$`));
});

/** Another address, with the port of a server, behind which that server answers. */
async function startRelay(server: Redis): Promise<{ readonly host: string; readonly port: number }> {
  const host = server.address.replace(/\.2$/, ".200");
  const relay = createServer((socket) => {
    const onward = createConnection({ host: server.address, port: server.port });
    for (const end of [socket, onward]) end.on("error", () => end.destroy());
    socket.pipe(onward).pipe(socket);
    releaseLater("relayed connection", () => {
      socket.destroy();
      onward.destroy();
    });
  });
  await new Promise<void>((resolve) => relay.listen(server.port, host, resolve));
  releaseLater("relay", () => void relay.close());
  return { host, port: server.port };
}
