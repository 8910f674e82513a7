import { describe, expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import { groupOptions } from "../../support/group-options.ts";
import { group, OPTIONS } from "./group-run.ts";

describe("the loop", () => {
  test("asks each server once per interval, on a grid that does not drift", async () => {
    const { start, checker, clock } = group([1]);
    const askedMs: number[] = [];
    checker.onAnswer = () => void askedMs.push(clock.monotonicMs());
    await start();
    await clock.advance(4_900);
    expect(askedMs).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);
  });

  test("asks no server twice in a round whose timer rang early, as timers do by a fraction of a millisecond", async () => {
    const { start, checker, clock } = group([1]);
    const asked: number[] = [];
    checker.onAnswer = () => void asked.push(clock.monotonicMs());
    const { monotonicMs } = clock;
    Object.assign(clock, { monotonicMs: () => monotonicMs() * 0.9999 });
    await start();
    await clock.advance(4_900);
    expect(asked).toHaveLength(5);
  });

  test("begins the second round at its own phase, so that many tags are spread over the interval", async () => {
    const { start, checker, clock } = group([1], { phaseMs: 250 });
    const askedMs: number[] = [];
    checker.onAnswer = () => void askedMs.push(clock.monotonicMs());
    await start();
    await clock.advance(2_900);
    expect(askedMs).toEqual([0, 250, 1_250, 2_250]);
  });

  test("a server that loses its connection after each answer is not asked in a busy loop", async () => {
    const { start, checker, clock } = group([1]);
    let asked = 0;
    checker.onAnswer = () => {
      asked += 1;
      setImmediate(() => checker.lose(1));
    };
    await start();
    for (let round = 0; round < 100; round++) await clock.advance(10);
    expect(asked).toBeLessThan(30);
  });

  test("follows a list of servers that changes", async () => {
    const ports = [1, 2];
    const { start, checker, clock, published, writes } = group(ports);
    await start();
    ports.splice(0, 2, 3);
    await clock.advance(1_100);
    expect([...checker.opened]).toEqual([3]);
    expect(published()).toBe(3);
    expect(writes).toEqual([1, 3]);
  });

  test("asks a server no more that goes from the list between two questions", async () => {
    const ports = [1, 2];
    const { start, checker, clock } = group(ports);
    await start();
    const askedMs: number[] = [];
    checker.onAnswer = ({ port }) => void (port === 1 && askedMs.push(clock.monotonicMs()));
    checker.behaviour.set(1, "down");
    ports.splice(0, 1);
    await clock.advance(2_000);
    expect(askedMs).toEqual([1_000]);
    expect([...checker.opened]).toEqual([2]);
  });

  test("lets go of a server that goes from the list while it is asked and connects after that", async () => {
    const ports = [1, 2];
    const { start, checker, clock } = group(ports);
    await start();
    const hold = createHold();
    checker.held.set(1, hold.promise);
    ports.splice(0, 1);
    await clock.advance(1_000);
    hold.release();
    await clock.advance(1_000);
    expect([...checker.opened]).toEqual([2]);
  });

  test("blames no server for an answer that came late because this process stood still", async () => {
    const { start, checker, clock, writes, logger } = group([1, 2], {
      timeoutMs: 10_000,
      thresholds: { rise: 1, fall: 1 },
    });
    await start();
    const hold = createHold();
    checker.held.set(1, hold.promise);
    checker.behaviour.set(1, "down");
    await clock.advance(1_000);
    checker.behaviour.set(1, "up");
    checker.held.clear();
    await clock.advance(60_000);
    hold.release();
    await clock.advance(2_000);
    expect(writes).toEqual([1]);
    expect(logger.messages("warn")).toEqual([
      "scripted t: cannot tell whether 127.0.0.1:1 is up (this process stood still while it waited for the answer); nothing changes because of it",
    ]);
  });

  test("publishes no server for an answer that was given before this process stood still", async () => {
    const { start, checker, clock, writes } = group([1], { timeoutMs: 10_000 });
    const hold = createHold();
    checker.held.set(1, hold.promise);
    await start();
    checker.held.clear();
    checker.behaviour.set(1, "down");
    await clock.advance(60_000);
    hold.release();
    await clock.advance(2_000);
    expect(writes).toEqual([]);
  });

  test("keeps the servers it knows when they cannot be listed", async () => {
    const { start, checker, clock, published, logger } = group([1, 2]);
    await start();
    checker.discover = () => Promise.reject(new Error("the master is gone"));
    checker.behaviour.set(1, "down");
    await clock.advance(5_000);
    expect(published()).toBe(2);
    expect(logger.messages("warn")).toEqual([
      "scripted t: cannot list the servers (the master is gone); those known are kept",
    ]);
  });

  test("ends with all probes closed when it is told to stop", async () => {
    const one = group([1, 2]);
    await one.start();
    expect(one.checker.opened.size).toBe(2);
    await one.stop();
    expect(one.checker.opened.size).toBe(0);
    expect(one.clock.sleepers).toBe(0);
  });

  test("asks many servers at once without a warning of Node's", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on("warning", note);
    const { start, clock } = group(Array.from({ length: 30 }, (_, index) => index + 1));
    await start();
    await clock.advance(3_000);
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  test("ends with the error when there is a bug, instead of going on blindly", async () => {
    const { checker, store, clock, logger } = group([1]);
    store.put = () => Promise.reject(new TypeError("a bug"));
    const deps = { checker, store, clock, logger, signal: new AbortController().signal };
    await expect(runGroup(OPTIONS, deps)).rejects.toThrow("a bug");
    expect(checker.opened.size).toBe(0);
  });

  test.each([
    ["--interval must be at least 10ms, or 0 for none", { intervalMs: 1 }],
    ["--timeout must be at least 1ms", { timeoutMs: 0 }],
    ["--fall must be a whole number from 1", { thresholds: { rise: 1, fall: 0 } }],
    ["--rise must be a whole number from 1", { thresholds: { rise: 1.5, fall: 1 } }],
    ["--pulse must be at least 10ms, or 0 for none", { pulseMs: 5 }],
    ["--min-servers must be 0 or more", { publish: "all", minServers: -1 }],
    ["--min-servers goes with --publish all", { minServers: 1 }],
  ] as const)("refuses options that cannot work: %s", async (message, options) => {
    const { checker, clock, logger } = group([1]);
    const deps = { checker, clock, logger, signal: new AbortController().signal };
    await expect(runGroup(groupOptions({ pulseMs: 0, ...options }), deps)).rejects.toMatchObject({
      code: "E_USAGE",
      message,
    });
  });

  test("refuses a list for a kind of which only one server can rightly be up", async () => {
    const { checker, clock, logger } = group([1]);
    checker.exclusive = "say that they are the master";
    const deps = { checker, clock, logger, signal: new AbortController().signal };
    await expect(runGroup({ ...OPTIONS, publish: "all" }, deps)).rejects.toMatchObject({
      code: "E_USAGE",
      message: "--publish all makes no sense for scripted: only one server can rightly be published",
    });
  });
});

/** A promise that the test resolves. */
function createHold(): { readonly promise: Promise<void>; release(): void } {
  let release: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}
