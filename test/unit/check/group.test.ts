import { describe, expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import { eventually } from "../../support/eventually.ts";
import { entryOf, group, KEY, OPTIONS } from "./group-run.ts";

describe("a group publishes", () => {
  test("the first healthy server in order, at once, as the JSON users know", async () => {
    const { start, store, writes } = group([1, 2]);
    await start();
    expect(store.values.get(KEY)?.value).toBe('{"name":"t","host":"127.0.0.1","port":1,"proxyport":10001}');
    expect(writes).toEqual([1]);
  });

  test("nothing when a good server is published already", async () => {
    const { start, store, clock } = group([1, 2]);
    store.set(KEY, entryOf(2));
    await start();
    await clock.advance(10_000);
    expect(store.calls.put).toBe(0);
  });

  test("the next server milliseconds after the published one failed twice, without waiting for the next round", async () => {
    const { start, checker, clock, writes, published } = group([1, 2]);
    await start();
    checker.behaviour.set(1, "down");
    await clock.advance(910);
    expect(published()).toBe(2);
    expect(writes).toEqual([1, 2]);
  });

  test("nothing when one probe is lost and fall is 2", async () => {
    const { start, checker, clock, writes } = group([1, 2]);
    await start();
    let lost = 0;
    checker.onAnswer = ({ port, state }) => {
      if (port === 1 && state === "down") {
        lost += 1;
        checker.behaviour.set(1, "up");
      }
    };
    for (let round = 0; round < 5; round++) {
      checker.behaviour.set(1, "down");
      await clock.advance(1_000);
    }
    expect(lost).toBe(5);
    expect(writes).toEqual([1]);
  });

  test("nothing when the lost connection comes back, and the next server when it does not", async () => {
    const { start, checker, clock, writes } = group([1, 2]);
    await start();
    checker.lose(1);
    await clock.advance(50);
    expect(writes).toEqual([1]);
    await clock.advance(200);
    checker.behaviour.set(1, "down");
    checker.lose(1);
    await clock.advance(20);
    expect(writes).toEqual([1, 2]);
  });

  test("no server that was healthy a while ago and is gone too: it is asked once more before it is published", async () => {
    const { start, checker, clock, writes } = group([1, 2, 3]);
    await start();
    await clock.advance(800);
    checker.behaviour.set(1, "down");
    checker.behaviour.set(2, "down");
    checker.lose(1);
    await clock.advance(20);
    expect(writes).toEqual([1, 3]);
  });

  test("no server of which it cannot be told whether it is up", async () => {
    const { start, checker, clock, writes } = group([1, 2]);
    await start();
    checker.behaviour.set(2, "unknown");
    await clock.advance(1_000);
    checker.behaviour.set(1, "down");
    await clock.advance(5_000);
    expect(writes).toEqual([1]);
  });

  test("the same server when it cannot be told whether it is up", async () => {
    const { start, checker, clock, writes, logger } = group([1, 2]);
    await start();
    checker.behaviour.set(1, "unknown");
    await clock.advance(10_000);
    expect(writes).toEqual([1]);
    expect(logger.messages("warn")).toEqual([
      "scripted t: cannot tell whether 127.0.0.1:1 is up (is unknown); nothing changes because of it",
    ]);
  });

  test("nothing new when the first server comes back: no failback", async () => {
    const { start, checker, clock, writes } = group([1, 2]);
    checker.behaviour.set(1, "down");
    await start();
    checker.behaviour.set(1, "up");
    await clock.advance(10_000);
    expect(writes).toEqual([2]);
  });

  test.each([1_000, 300])(
    "nothing new when all were out of reach and are back at once, asked every %i ms: the published one stays",
    async (intervalMs) => {
      const { start, checker, store, clock, writes, published } = group([1, 2, 3], { intervalMs });
      store.set(KEY, entryOf(3));
      await start();
      for (const port of [1, 2, 3]) checker.behaviour.set(port, "down");
      await clock.advance(10_000);
      for (const port of [1, 2, 3]) checker.behaviour.set(port, "up");
      await clock.advance(10_000);
      expect(published()).toBe(3);
      expect(writes).toEqual([]);
    },
  );

  test("the first server that comes back when all were gone and the published one answers nothing", async () => {
    const { start, checker, clock, published } = group([1, 2], { timeoutMs: 30 });
    await start();
    checker.behaviour.set(1, "down");
    checker.behaviour.set(2, "down");
    await clock.advance(2_000);
    checker.behaviour.set(1, "hang");
    checker.behaviour.set(2, "up");
    await clock.advance(1_000);
    await eventually("2 is published", () => published() === 2);
  });

  test("another server when the one that is down and asked again gives no answer for as long as --timeout", async () => {
    const { start, checker, clock, published } = group([1, 2], { timeoutMs: 5_000 });
    await start();
    checker.behaviour.set(1, "down");
    checker.behaviour.set(2, "down");
    await clock.advance(2_000);
    checker.held.set(1, new Promise(() => {}));
    checker.behaviour.set(2, "up");
    await clock.advance(4_000);
    expect(published()).toBe(1);
    await clock.advance(4_000);
    expect(published()).toBe(2);
  });

  test("a server that was down only after rise good probes", async () => {
    const { start, checker, clock, published } = group([1], { thresholds: { rise: 3, fall: 1 } });
    checker.behaviour.set(1, "down");
    await start();
    checker.behaviour.set(1, "up");
    await clock.advance(2_000);
    expect(published()).toBeUndefined();
    await clock.advance(1_000);
    expect(published()).toBe(1);
  });

  test("anew what somebody deleted", async () => {
    const { start, store, clock, published } = group([1, 2]);
    await start();
    store.set(KEY, undefined);
    await clock.advance(100);
    expect(published()).toBe(1);
  });

  test("what is missing within milliseconds, though it has to be asked once more", async () => {
    const { start, store, clock, published } = group([1, 2], { intervalMs: 60_000 });
    await start();
    await clock.advance(30_000);
    store.set(KEY, undefined);
    await clock.advance(1);
    expect(published()).toBe(1);
  });

  test("the next server without a search: all are asked as soon as the published one is in doubt", async () => {
    const { start, checker, clock } = group([1, 2, 3]);
    await start();
    const asked: number[] = [];
    checker.onAnswer = ({ port }) => void asked.push(port);
    checker.behaviour.set(1, "down");
    checker.lose(1);
    await clock.advance(10);
    expect(asked.slice(0, 3).sort()).toEqual([1, 2, 3]);
    expect(asked[3]).toBe(1);
  });

  test("anew what was deleted before the watch could show it", async () => {
    const { start, store, clock, published } = group([1, 2]);
    store.afterPut = () => {
      store.afterPut = () => {};
      store.set(KEY, undefined);
    };
    await start();
    expect(published()).toBeUndefined();
    await clock.advance(1_500);
    expect(published()).toBe(1);
  });

  test("nothing over the healthy choice of somebody else", async () => {
    const { start, store, clock, writes, published } = group([1, 2]);
    await start();
    store.set(KEY, entryOf(2));
    await clock.advance(5_000);
    expect(published()).toBe(2);
    expect(writes).toEqual([1]);
  });

  test("over a value that is no entry, with a warning that names the key", async () => {
    const { start, store, published, logger } = group([1]);
    store.set(KEY, "not json");
    await start();
    expect(published()).toBe(1);
    expect(logger.messages("warn")).toEqual([
      `scripted t: ${KEY} holds no entry (it is not JSON); it is replaced when a server is up`,
    ]);
  });

  test("with all fields kept that it does not know, and without those that spoke of the old choice", async () => {
    const { start, store } = group([1, 2]);
    store.set(KEY, entryOf(9, { zone: "b", proxyport: 777, servers: [{ host: "127.0.0.1", port: 9 }], reason: "old" }));
    await start();
    expect(store.values.get(KEY)?.value).toBe('{"name":"t","host":"127.0.0.1","port":1,"proxyport":777,"zone":"b"}');
  });
});

describe("a group on a proxyport", () => {
  test("takes it from the server listed first, so that it is the same for whoever is chosen", async () => {
    const { start, checker, store } = group([1, 2]);
    checker.behaviour.set(1, "down");
    await start();
    expect(JSON.parse(store.values.get(KEY)?.value ?? "")).toMatchObject({ port: 2, proxyport: 10_001 });
  });

  test("refuses one that is no port, before it writes anything", async () => {
    const { checker, store, clock, logger } = group([60_000]);
    const deps = { checker, store, clock, logger, signal: new AbortController().signal };
    await expect(runGroup(OPTIONS, deps)).rejects.toMatchObject({
      code: "E_USAGE",
      message: "the proxyport must be from 1 to 65535 (is 60000 + 10000 = 70000)",
    });
    expect(store.calls.put).toBe(0);
    expect(checker.opened.size).toBe(0);
  });
});

describe("what is told", () => {
  test("a failover: what happened and what follows in one line, then how long it took", async () => {
    const { start, checker, clock, logger } = group([1, 2]);
    await start();
    logger.clear();
    checker.behaviour.set(1, "down");
    checker.lose(1);
    await clock.advance(50);
    expect(logger.messages()).toEqual([
      "scripted t: 127.0.0.1:1 is down (is down, 2 of 2); publishing 127.0.0.1:2",
      "scripted t: 127.0.0.1:2 is published, 5.0 ms after the first doubt",
    ]);
  });

  test("how long a failover took, without the doubts that were over long before", async () => {
    const { start, checker, clock, logger } = group([1, 2]);
    await start();
    checker.lose(1);
    await clock.advance(60_000);
    checker.behaviour.set(1, "down");
    checker.lose(1);
    await clock.advance(50);
    expect(logger.messages().at(-1)).toBe("scripted t: 127.0.0.1:2 is published, 5.0 ms after the first doubt");
  });

  test("nobody alive: once, and once when one is back", async () => {
    const { start, checker, clock, logger, writes } = group([1, 2]);
    await start();
    logger.clear();
    checker.behaviour.set(1, "down");
    checker.behaviour.set(2, "down");
    await clock.advance(30_000);
    checker.behaviour.set(2, "up");
    await clock.advance(5_000);
    const none = logger.messages().filter((line) => line.includes("none of the 2 servers is up"));
    expect(none).toEqual([expect.stringContaining("the entry is left alone (127.0.0.1:1)")]);
    expect(logger.messages().at(-2)).toBe(
      "scripted t: 127.0.0.1:2 is up again; publishing 127.0.0.1:2 (127.0.0.1:1 is down)",
    );
    expect(writes).toEqual([1, 2]);
  });

  test("a healthy hour tells nothing and writes nothing", async () => {
    const { start, clock, logger, store } = group([1, 2], { intervalMs: 10_000 });
    await start();
    logger.clear();
    const before = { ...store.calls };
    await clock.advance(3_600_000);
    expect(logger.lines).toEqual([]);
    expect(store.calls).toEqual(before);
  });

  test("each probe, with --verbose", async () => {
    const { start, clock, logger } = group([1], { verbose: true });
    await start();
    await clock.advance(2_000);
    expect(logger.messages("debug")).toEqual(Array(3).fill("scripted t: 127.0.0.1:1 up: is up"));
  });

  test("what it would publish, once, with --dry-run, and nothing is written", async () => {
    const { start, clock, logger, store } = group([1], { dryRun: true });
    await start();
    await clock.advance(10_000);
    expect(store.calls.put).toBe(0);
    expect(logger.messages().filter((line) => line.includes("would publish 127.0.0.1:1"))).toHaveLength(1);
  });
});
