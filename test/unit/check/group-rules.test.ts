import { describe, expect, test } from "vitest";
import { entryOf, group, KEY } from "./group-run.ts";

const servers = (value: string | undefined): number[] =>
  (JSON.parse(value ?? "{}") as { servers?: { port: number }[] }).servers?.map(({ port }) => port) ?? [];

describe("a last resort", () => {
  test("serves while the others are down, and gives way to one that has been healthy for rise", async () => {
    const run = group([1, 2, 9], { thresholds: { rise: 3, fall: 2 } });
    run.checker.lastResorts.add(9);
    await run.start();
    run.checker.behaviour.set(1, "down").set(2, "down");
    await run.clock.advance(2_000);
    expect(run.published()).toBe(9);
    run.checker.behaviour.set(2, "up");
    await run.clock.advance(2_000);
    expect(run.published()).toBe(9);
    await run.clock.advance(2_000);
    expect(run.published()).toBe(2);
    expect(run.writes).toEqual([1, 9, 2]);
    expect(run.logger.messages()).toContain(
      "scripted t: 127.0.0.1:2 is up again; publishing 127.0.0.1:2 (it is healthy again, and 127.0.0.1:9 is the last resort)",
    );
  });

  test("gives way to a newcomer only after rise too", async () => {
    const ports = [9];
    const run = group(ports, { thresholds: { rise: 3, fall: 2 } });
    run.checker.lastResorts.add(9);
    await run.start();
    expect(run.published()).toBe(9);
    ports.unshift(1);
    await run.clock.advance(2_500);
    expect(run.published()).toBe(9);
    await run.clock.advance(2_000);
    expect(run.published()).toBe(1);
  });

  test("is not left and taken again when the other one flaps", async () => {
    const run = group([1, 9], { thresholds: { rise: 3, fall: 2 } });
    run.checker.lastResorts.add(9);
    run.checker.behaviour.set(1, "down");
    await run.start();
    for (let round = 0; round < 10; round++) {
      run.checker.behaviour.set(1, round % 2 === 0 ? "up" : "down");
      await run.clock.advance(1_000);
    }
    expect(run.writes).toEqual([9]);
  });
});

describe("a list", () => {
  test("holds all that are healthy, loses those that fail and gets them back", async () => {
    const run = group([1, 2, 3], { publish: "all" });
    await run.start();
    const value = () => run.store.values.get(KEY)?.value;
    expect(value()).toBe(
      '{"name":"t","host":"127.0.0.1","port":1,"proxyport":10001,"servers":[{"host":"127.0.0.1","port":1},{"host":"127.0.0.1","port":2},{"host":"127.0.0.1","port":3}]}',
    );
    run.checker.behaviour.set(1, "down");
    await run.clock.advance(1_100);
    expect([run.published(), servers(value())]).toEqual([2, [2, 3]]);
    run.checker.behaviour.set(1, "up");
    await run.clock.advance(2_000);
    expect([run.published(), servers(value())]).toEqual([2, [1, 2, 3]]);
    expect(run.writes).toEqual([1, 2, 2]);
    expect(run.logger.messages()).toContain("scripted t: 127.0.0.1:2, 127.0.0.1:1, 127.0.0.1:3 are published");
  });

  test("of one server alone is a plain entry, as old templates know it", async () => {
    const run = group([1, 2], { publish: "all" });
    run.checker.behaviour.set(2, "down");
    await run.start();
    await run.clock.advance(100);
    expect(run.store.values.get(KEY)?.value).toBe('{"name":"t","host":"127.0.0.1","port":1,"proxyport":10001}');
  });

  test("is filled up with the one that lags least, and does not change while two lag about the same", async () => {
    const run = group([1, 2, 3], { publish: "all", minServers: 2 });
    run.checker.behaviour.set(2, "down").set(3, "down");
    run.checker.makeshifts.set(2, [50]).set(3, [40]);
    await run.start();
    for (let second = 0; second < 6; second++) {
      run.checker.makeshifts.set(2, [second % 2 === 0 ? 30 : 60]);
      await run.clock.advance(1_000);
    }
    expect(servers(run.store.values.get(KEY)?.value)).toEqual([1, 3]);
    expect(run.writes).toEqual([1]);
  });

  test("of servers that are in doubt and of which then nothing can be told does not have them asked without end", async () => {
    const run = group([1, 2], { publish: "all" });
    await run.start();
    for (const port of [1, 2]) run.checker.behaviour.set(port, "down");
    let asked = 0;
    run.checker.onAnswer = () => {
      asked += 1;
      if (asked === 2) for (const port of [1, 2]) run.checker.behaviour.set(port, "unknown");
      if (asked > 100) throw new Error("asked without end");
    };
    run.checker.lose(1);
    run.checker.lose(2);
    await run.clock.advance(500);
    expect(asked).toBeLessThan(20);
    expect(run.writes).toEqual([1]);
  });

  test("and a checker that publishes one alone do not fight over the key", async () => {
    const one = group([1, 2]);
    const all = group([1, 2], { publish: "all" });
    await one.start();
    await all.start();
    let writes = 0;
    for (let second = 0; second < 600; second++) {
      const value = one.store.values.get(KEY)?.value;
      if (all.store.values.get(KEY)?.value !== value) all.store.set(KEY, value);
      await all.clock.advance(1_000);
      const answer = all.store.values.get(KEY)?.value;
      if (answer !== value) {
        writes += 1;
        one.store.set(KEY, answer);
      }
      await one.clock.advance(1_000);
    }
    expect(writes).toBeLessThan(40);
  });
});

describe("with nobody healthy", () => {
  test("the entry is removed when that is asked for, and comes back with the first server", async () => {
    const run = group([1, 2], { fallback: "remove" });
    await run.start();
    run.checker.behaviour.set(1, "down").set(2, "down");
    await run.clock.advance(2_000);
    expect(run.store.values.has(KEY)).toBe(false);
    expect(run.logger.messages("warn")).toEqual([
      "scripted t: 127.0.0.1:2 is down (is down, 2 of 2); none of the 2 servers is up: removing the entry",
    ]);
    run.checker.behaviour.set(2, "up");
    await run.clock.advance(1_100);
    expect(run.published()).toBe(2);
  });

  test("all are asked many times a second, so that the first to come back is published at once", async () => {
    const run = group([1, 2], { pulseMs: 50 });
    run.checker.behaviour.set(1, "down").set(2, "down");
    await run.start();
    await run.clock.advance(400);
    run.checker.behaviour.set(2, "up");
    await run.clock.advance(100);
    expect(run.published()).toBe(2);
  });

  test("not for ever: a service that was taken down is left in peace", async () => {
    const run = group([1], { pulseMs: 50 });
    run.checker.behaviour.set(1, "down");
    await run.start();
    await run.clock.advance(70_000);
    let asked = 0;
    run.checker.onAnswer = () => {
      asked += 1;
    };
    await run.clock.advance(10_000);
    expect(asked).toBe(10);
  });
});

describe("the pulse", () => {
  test("pings the published server alone, between the rounds", async () => {
    const run = group([1, 2], { pulseMs: 50 });
    await run.start();
    await run.clock.advance(1_000);
    expect(run.checker.pings.get(1)).toBeGreaterThan(15);
    expect(run.checker.pings.has(2)).toBe(false);
  });

  test("pings nobody when it is 0", async () => {
    const run = group([1]);
    await run.start();
    await run.clock.advance(5_000);
    expect(run.checker.pings.size).toBe(0);
  });

  test("a ping without an answer counts as a failed probe, and one more brings the server down", async () => {
    const run = group([1, 2], { pulseMs: 50, timeoutMs: 20, intervalMs: 60_000 });
    await run.start();
    const down = new Promise<void>((resolve) => {
      run.store.onWrite = (value) => {
        run.writes.push(JSON.parse(value).port);
        resolve();
      };
    });
    run.checker.behaviour.set(1, "hang");
    await run.clock.advance(50);
    // The deadlines are real; the pauses between are the fake clock's.
    const drive = setInterval(() => void run.clock.advance(5), 2);
    await down;
    clearInterval(drive);
    expect(run.writes).toEqual([1, 2]);
    expect(run.logger.messages()).toContainEqual(
      expect.stringContaining("scripted t: 127.0.0.1:1 is down (no answer within 20 ms, 2 of 2)"),
    );
  });

  test("one lost ping moves nothing", async () => {
    const run = group([1, 2], { pulseMs: 50, timeoutMs: 20, intervalMs: 60_000 });
    await run.start();
    run.checker.behaviour.set(1, "hang");
    await run.clock.advance(50);
    run.checker.behaviour.set(1, "up");
    const asked = new Promise<void>((resolve) => {
      run.checker.onAnswer = ({ port }) => port === 1 && resolve();
    });
    const drive = setInterval(() => void run.clock.advance(5), 2);
    await asked;
    clearInterval(drive);
    await run.clock.advance(1_000);
    expect(run.writes).toEqual([1]);
  });
});

describe("a service's own news", () => {
  test("makes all servers be asked at once", async () => {
    const run = group([1, 2], { intervalMs: 60_000 });
    await run.start();
    const asked: number[] = [];
    run.checker.onAnswer = ({ port }) => void asked.push(port);
    run.checker.tellNews("there is another master");
    await run.clock.advance(10);
    expect(asked).toEqual([1, 2]);
  });
});

describe("a kind of which only one server can rightly be up", () => {
  test("a split is told loudly, once, and counted; the published server is kept", async () => {
    const run = group([1, 2]);
    run.checker.exclusive = "say that they are the master";
    run.checker.behaviour.set(2, "down");
    await run.start();
    await run.clock.advance(1_000);
    run.checker.behaviour.set(2, "up");
    await run.clock.advance(5_000);
    expect(run.published()).toBe(1);
    expect(run.logger.messages("error")).toEqual([
      "scripted t: SPLIT: 127.0.0.1:1 and 127.0.0.1:2 say that they are the master; 127.0.0.1:1 stays published",
    ]);
    expect(run.status()).toMatchObject({ split: true, counters: { splits: 1 } });
    run.checker.behaviour.set(2, "down");
    await run.clock.advance(2_000);
    expect(run.logger.messages()).toContain("scripted t: the split is over: 127.0.0.1:1 is left");
    expect(run.status()).toMatchObject({ split: false, counters: { splits: 1 } });
    expect(run.writes).toEqual([1]);
  });

  test("a handover is no split, though the new one is heard before the old one was asked again", async () => {
    const run = group([1, 2]);
    run.checker.exclusive = "say that they are the master";
    run.checker.behaviour.set(2, "down");
    await run.start();
    await run.clock.advance(1_500);
    run.checker.behaviour.set(2, "up");
    run.checker.lose(2);
    await run.clock.advance(100);
    run.checker.behaviour.set(1, "down");
    await run.clock.advance(5_000);
    expect(run.published()).toBe(2);
    expect(run.logger.messages("error")).toEqual([]);
    expect(run.status()?.counters.splits).toBe(0);
  });

  test("nothing published: the one with the better rank wins", async () => {
    const run = group([1, 2]);
    run.checker.exclusive = "say that they are the master";
    run.checker.ranks.set(1, [-1, -100]).set(2, [-2, -50]);
    await run.start();
    expect(run.published()).toBe(2);
  });
});

describe("the status of a group", () => {
  test("tells what is known at this moment", async () => {
    const run = group([1, 2]);
    run.checker.behaviour.set(2, "down");
    await run.start();
    await run.clock.advance(100);
    expect(run.status()).toEqual({
      kind: "scripted",
      tag: "t",
      published: ["127.0.0.1:1"],
      leader: undefined,
      publishes: true,
      orders: [],
      storeReadable: true,
      exclusive: false,
      split: false,
      servers: [
        { name: "127.0.0.1:1", health: "up", reason: "is up", published: true },
        { name: "127.0.0.1:2", health: "down", reason: "is down", published: false },
      ],
      counters: { rounds: 0, lateRounds: 0, probes: 3, failedProbes: 2, writes: 1, lostWrites: 0, splits: 0 },
    });
  });

  test("counts writes that another checker came before", async () => {
    const run = group([1, 2]);
    run.store.beforePut = () => {
      run.store.beforePut = () => {};
      run.store.set(KEY, entryOf(2));
    };
    await run.start();
    expect(run.status()?.counters).toMatchObject({ writes: 0, lostWrites: 1 });
  });
});
