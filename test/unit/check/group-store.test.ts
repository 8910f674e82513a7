import { describe, expect, test } from "vitest";
import { AppError } from "../../../src/core/errors.ts";
import { entryOf, group, KEY } from "./group-run.ts";

describe("when the store fails", () => {
  const unreachable = new AppError("E_STORE_UNREACHABLE", "connection refused");

  test("probing goes on, and the decision is written when the store returns if it is still true", async () => {
    const { start, store, checker, clock, writes, logger } = group([1, 2]);
    await start();
    logger.clear();
    store.broken = unreachable;
    store.cut();
    checker.behaviour.set(1, "down");
    await clock.advance(60_000);
    expect(writes).toEqual([1]);
    store.broken = undefined;
    await clock.advance(3_000);
    expect(writes).toEqual([1, 2]);
    expect(logger.messages()).toEqual([
      `scripted t: cannot read ${KEY} from memory:: connection refused; probing goes on, and what has to be written is written when the store answers`,
      "scripted t: 127.0.0.1:1 is down (is down, 2 of 2); 127.0.0.1:2 will be published when the store answers",
      expect.stringMatching(/^scripted t: memory: answers again, after [\d.]+ s$/),
      "scripted t: publishing 127.0.0.1:2 (127.0.0.1:1 is down)",
      expect.stringMatching(/^scripted t: 127.0.0.1:2 is published, [\d.]+ s after the first doubt$/),
    ]);
  });

  test("nothing is written when the published server is back before the store is", async () => {
    const { start, store, checker, clock, writes } = group([1, 2]);
    await start();
    store.broken = unreachable;
    store.cut();
    checker.behaviour.set(1, "down");
    await clock.advance(10_000);
    checker.behaviour.set(1, "up");
    await clock.advance(2_000);
    store.broken = undefined;
    await clock.advance(5_000);
    expect(writes).toEqual([1]);
  });

  test("at the start, the first good server is published when it comes", async () => {
    const { start, store, clock, writes } = group([1, 2]);
    store.broken = unreachable;
    await start();
    await clock.advance(30_000);
    store.broken = undefined;
    await clock.advance(3_000);
    expect(writes).toEqual([1]);
  });

  test("by being slow: what the watch told meanwhile counts more than a late answer", async () => {
    const { start, store, checker, clock, published } = group([1, 2, 3]);
    store.set(KEY, entryOf(2));
    checker.behaviour.set(2, "down");
    // Somebody puts back what was there, too quickly for the watch: the entry is read to be sure.
    store.afterPut = () => {
      store.afterPut = () => {};
      store.set(KEY, entryOf(2));
    };
    await start();
    checker.behaviour.set(2, "up");
    const { get } = store;
    let answer: () => void = () => {};
    store.get = async (key, call) => {
      const pair = await get(key, call);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return pair;
    };
    await clock.advance(2_000);
    store.set(KEY, entryOf(3));
    await clock.advance(100);
    store.get = get;
    answer();
    await clock.advance(100);
    checker.behaviour.set(3, "down");
    await clock.advance(2_000);
    expect(published()).toBe(1);
  });

  test("only for writing, it is said once and tried until it works", async () => {
    const { start, store, clock, writes, logger } = group([1]);
    store.readOnly = new AppError("E_STORE_DENIED", "permission denied", { hint: "the token needs write" });
    await start();
    await clock.advance(60_000);
    expect(store.calls.put).toBeGreaterThan(20);
    expect(store.calls.put).toBeLessThan(100);
    store.readOnly = undefined;
    await clock.advance(3_000);
    expect(writes).toEqual([1]);
    expect(logger.messages("warn")).toEqual([
      `scripted t: cannot write ${KEY} to memory:: permission denied (the token needs write); it is tried again as long as it is needed`,
    ]);
    expect(logger.messages("info").filter((line) => line.includes("takes writes again"))).toHaveLength(1);
  });

  test("in another way than before, that is said too: it needs another person", async () => {
    const { start, store, clock, logger } = group([1]);
    await start();
    logger.clear();
    store.broken = unreachable;
    store.cut();
    await clock.advance(5_000);
    store.broken = new AppError("E_STORE_DENIED", "permission denied");
    await clock.advance(5_000);
    expect(logger.lines.map(({ fields }) => fields["err"])).toEqual(["E_STORE_UNREACHABLE", "E_STORE_DENIED"]);
  });
});
