import { describe, expect, test } from "vitest";
import type { GroupDeps } from "../../../src/check/assembly.ts";
import { checkOnce } from "../../../src/check/once.ts";
import type { GroupOptions } from "../../../src/check/options.ts";
import { AppError } from "../../../src/core/errors.ts";
import { systemClock } from "../../../src/lib/system-clock.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { groupOptions } from "../../support/group-options.ts";
import { entryOf, KEY, OPTIONS } from "./group-run.ts";
import { createMemoryStore, createScriptedChecker } from "./scripted.ts";

function once(ports: number[], more: Partial<Pick<GroupDeps, "clock" | "signal">> = {}) {
  const checker = createScriptedChecker(ports);
  const store = createMemoryStore();
  const logger = createCaptureLogger();
  const deps = { checker, clock: systemClock, logger, signal: new AbortController().signal, ...more };
  return {
    checker,
    store,
    logger,
    check: (options: Partial<GroupOptions> = {}) =>
      checkOnce(groupOptions({ pulseMs: 0, ...options }), { ...deps, store }),
    checkWithoutStore: () => checkOnce(OPTIONS, deps),
  };
}

describe("a single round", () => {
  test("publishes the first healthy server, and that is good", async () => {
    const { check, store, checker } = once([1, 2]);
    checker.behaviour.set(1, "down");
    expect(await check()).toEqual({
      good: true,
      published: "127.0.0.1:2",
      servers: [
        { name: "127.0.0.1:1", health: "down", reason: "is down" },
        { name: "127.0.0.1:2", health: "up", reason: "is up" },
      ],
      written: true,
      conclusion: "publishing 127.0.0.1:2 (nothing is published)",
    });
    expect(JSON.parse(store.values.get(KEY)?.value ?? "")).toMatchObject({ port: 2, proxyport: 10_001 });
    expect(checker.opened.size).toBe(0);
  });

  test("leaves a good entry alone", async () => {
    const { check, store } = once([1, 2]);
    store.set(KEY, entryOf(2));
    expect(await check()).toMatchObject({ good: true, published: "127.0.0.1:2", written: false });
    expect(store.calls.put).toBe(0);
  });

  test("asks a failed server again before it believes it", async () => {
    const { check, checker, store } = once([1, 2]);
    store.set(KEY, entryOf(1));
    checker.behaviour.set(1, "down");
    checker.onAnswer = ({ port }) => void (port === 1 && checker.behaviour.set(1, "up"));
    expect(await check()).toMatchObject({ good: true, published: "127.0.0.1:1", written: false });
  });

  test("is not good when nobody is up, and leaves the entry alone", async () => {
    const { check, checker, store } = once([1]);
    store.set(KEY, entryOf(1));
    checker.behaviour.set(1, "down");
    expect(await check()).toMatchObject({
      good: false,
      published: "127.0.0.1:1",
      written: false,
      conclusion: "the only server is not up: the entry is left alone (127.0.0.1:1)",
    });
  });

  test("is not good when nobody can tell whether the published server is up", async () => {
    const { check, checker, store } = once([1, 2]);
    store.set(KEY, entryOf(1));
    checker.behaviour.set(1, "unknown");
    expect(await check()).toMatchObject({ good: false, published: "127.0.0.1:1", written: false });
  });

  test("only says what it would do with --dry-run", async () => {
    const { check, checker, store } = once([1, 2]);
    store.set(KEY, entryOf(1));
    checker.behaviour.set(1, "down");
    expect(await check({ dryRun: true })).toMatchObject({
      good: false,
      published: "127.0.0.1:1",
      written: false,
      conclusion: "would publish 127.0.0.1:2 (127.0.0.1:1 is down)",
    });
    expect(store.calls.put).toBe(0);
  });

  test("answers a lost race by reading and deciding again", async () => {
    const { check, store } = once([1, 2]);
    store.beforePut = () => {
      store.beforePut = () => {};
      store.set(KEY, entryOf(2));
    };
    expect(await check()).toMatchObject({ good: true, published: "127.0.0.1:2", written: false });
  });

  test("asks again before it publishes a server when the store was slow", async () => {
    const clock = createFakeClock();
    const { check, store, checker } = once([1, 2], { clock });
    const { get } = store;
    store.get = async (key, call) => {
      await clock.advance(4_000);
      checker.behaviour.set(1, "down");
      return get(key, call);
    };
    expect(await check({ thresholds: { rise: 1, fall: 1 } })).toMatchObject({
      published: "127.0.0.1:2",
      written: true,
    });
  });

  test("that is told to stop while the servers are listed says so, not that there are none", async () => {
    const controller = new AbortController();
    const { check, checker } = once([1], { signal: controller.signal });
    checker.discover = () => {
      controller.abort(new Error("stopped by the test"));
      return new Promise(() => {});
    };
    await expect(check()).rejects.toThrow("stopped by the test");
  });

  test("gives up when somebody else writes on and on", async () => {
    const { check, store } = once([1]);
    let other = 7;
    store.beforePut = () => store.set(KEY, entryOf(other++));
    await expect(check()).rejects.toMatchObject({ code: "E_STORE_STALE" });
  });

  test("fails when the store cannot be read", async () => {
    const { check, store, checker } = once([1]);
    store.broken = new AppError("E_STORE_DENIED", "permission denied");
    await expect(check()).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    expect(checker.opened.size).toBe(0);
  });

  test("is not good when the servers cannot be listed, and the log says why", async () => {
    const { check, checker, logger } = once([1]);
    checker.discover = () => Promise.reject(new Error("the master is gone"));
    expect(await check()).toMatchObject({ good: false, servers: [], conclusion: "there is no server to check" });
    expect(logger.messages("warn")).toEqual([
      "scripted t: cannot list the servers (the master is gone); those known are kept",
    ]);
  });

  test("without a store is good when any server is up", async () => {
    const { checkWithoutStore, checker } = once([1, 2]);
    checker.behaviour.set(1, "down");
    expect(await checkWithoutStore()).toMatchObject({ good: true, conclusion: "127.0.0.1:2 is up" });
    checker.behaviour.set(2, "down");
    expect(await checkWithoutStore()).toMatchObject({ good: false, conclusion: "no server is up" });
  });
});
