import { describe, expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { entryOf, group, KEY, OPTIONS } from "./group-run.ts";
import { createMemoryStore, createScriptedChecker } from "./scripted.ts";

describe("several checkers", () => {
  test("a lost race is answered by reading and deciding again, not by writing", async () => {
    const { start, store, clock, published, writes, logger } = group([1, 2]);
    store.beforePut = () => {
      store.beforePut = () => {};
      store.set(KEY, entryOf(2));
    };
    await start();
    await clock.advance(2_000);
    expect(published()).toBe(2);
    expect(writes).toEqual([]);
    expect(store.calls.put).toBe(1);
    expect(logger.messages()).not.toContain("scripted t: 127.0.0.1:1 is published");
  });

  test("races that were lost long ago do not slow the next failover", async () => {
    const { start, store, checker, clock, published } = group([1, 2, 3]);
    await start();
    const failOver = async (from: number, to: number) => {
      checker.behaviour.set(from, "down");
      checker.behaviour.set(to, "up");
      store.beforePut = () => {
        store.beforePut = () => {};
        store.set(KEY, entryOf(to));
      };
      await clock.advance(2_000);
      expect(published()).toBe(to);
    };
    for (let round = 0; round < 4; round++) {
      await failOver(1, 2);
      await failOver(2, 1);
    }
    store.beforePut = () => {
      store.beforePut = () => {};
      store.set(KEY, entryOf(2));
    };
    checker.behaviour.set(1, "down");
    checker.lose(1);
    await clock.advance(300);
    expect(published()).toBe(3);
  });

  test("that reach different servers do not fight, and fail over at once when they agree again", async () => {
    const clock = createFakeClock();
    const store = createMemoryStore();
    const logger = createCaptureLogger();
    const controller = new AbortController();
    const writes: number[] = [];
    store.onWrite = (value) => {
      writes.push(JSON.parse(value).port);
      if (writes.length > 1_000) controller.abort(new Error("they fight"));
    };
    const [a, b] = [createScriptedChecker([1, 2]), createScriptedChecker([1, 2])];
    a.behaviour.set(1, "down");
    b.behaviour.set(2, "down");
    const deps = { store, clock, logger, signal: controller.signal };
    const running = [a, b].map((checker) => runGroup(OPTIONS, { ...deps, checker }));
    await clock.advance(600_000);
    expect(writes.length).toBeLessThan(50);
    expect(logger.messages("warn")).toContain(
      "scripted t: 127.0.0.1:1 is published again by somebody else though it is not up from here; it is left alone for a while",
    );
    a.behaviour.clear();
    b.behaviour.clear();
    await clock.advance(70_000);
    const agreed = writes.length;
    const [good, other] = writes.at(-1) === 1 ? [1, 2] : [2, 1];
    await clock.advance(600_000);
    expect(writes).toHaveLength(agreed);
    for (const checker of [a, b]) {
      checker.behaviour.set(good, "down");
      checker.lose(good);
    }
    await clock.advance(50);
    expect(writes.slice(agreed)).toEqual([other]);
    controller.abort(new Error("stopped by the test"));
    await Promise.all(running);
  });

  test.each([1, 3])("who saw a dead server come back earlier is believed after a look (rise %i)", async (rise) => {
    const { start, store, checker, clock, writes } = group([1, 2, 3], { thresholds: { rise, fall: 2 } });
    store.set(KEY, entryOf(2));
    checker.behaviour.set(1, "down");
    await start();
    await clock.advance(2_000);
    // Between two rounds: 1 is back, 2 dies, and another checker has seen both already.
    checker.behaviour.set(1, "up").set(2, "down");
    store.set(KEY, entryOf(1));
    await clock.advance(30_000);
    expect(writes).toEqual([]);
  });

  test("so it is when an entry in between was learned from a lost write, and not from the watch", async () => {
    const { start, store, checker, clock, writes } = group([1, 2, 3]);
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { watch } = store;
    store.watch = async function* (key, call) {
      for await (const snapshot of watch(key, call)) {
        yield snapshot;
        // It tells of our own entry, and then of nothing for a while.
        if (snapshot.pairs.length > 0) await held;
      }
    };
    await start();
    checker.behaviour.set(1, "down");
    store.beforePut = () => {
      store.beforePut = () => {};
      store.set(KEY, entryOf(2));
    };
    checker.lose(1);
    await clock.advance(50);
    checker.behaviour.set(1, "up").set(2, "down");
    store.set(KEY, entryOf(1, { by: "another" }));
    release();
    await clock.advance(30_000);
    expect(writes).toEqual([1]);
  });

  test("so it is when others have replaced it and published it again before our own write was lost", async () => {
    const { start, store, checker, clock, writes } = group([1, 2, 3]);
    await start();
    checker.behaviour.set(1, "down");
    store.beforePut = () => {
      store.beforePut = () => {};
      checker.behaviour.set(1, "up").set(2, "down");
      store.set(KEY, entryOf(1, { by: "another" }));
    };
    checker.lose(1);
    await clock.advance(30_000);
    expect(writes).toEqual([1]);
  });

  test("a server that was replaced once and was healthy since is replaced at once when it fails again", async () => {
    const { start, store, checker, clock, writes } = group([1, 2]);
    await start();
    checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    checker.behaviour.set(1, "up");
    await clock.advance(2_000);
    store.set(KEY, entryOf(1));
    await clock.advance(0);
    checker.behaviour.set(1, "down");
    checker.lose(1);
    await clock.advance(150);
    expect(writes).toEqual([1, 2, 2]);
  });

  test("a dead server that somebody publishes by hand is replaced again, a second later", async () => {
    const { start, store, checker, clock, writes } = group([1, 2]);
    await start();
    checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    store.set(KEY, entryOf(1));
    await clock.advance(400);
    expect(writes).toEqual([1, 2]);
    await clock.advance(2_000);
    expect(writes).toEqual([1, 2, 2]);
  });

  test("with different lists end with one word each", async () => {
    const { start, store, clock, writes, logger } = group([1]);
    await start();
    store.set(KEY, entryOf(7));
    await clock.advance(2_000);
    expect(writes).toEqual([1, 1]);
    store.set(KEY, entryOf(7));
    await clock.advance(10_000);
    expect(writes).toEqual([1, 1]);
    expect(logger.messages("warn")).toEqual([
      "scripted t: 127.0.0.1:7 is published again by somebody else though it is not among the servers here; it is left alone",
    ]);
  });
});
