import { describe, expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import { checkOnce } from "../../../src/check/once.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { groupOptions } from "../../support/group-options.ts";
import { releaseLater } from "../../support/releases.ts";
import { group, KEY } from "./group-run.ts";
import { createMemoryStore, createScriptedChecker } from "./scripted.ts";
import { createScriptedLocks } from "./scripted-lock.ts";

const WRITER = groupOptions({ pulseMs: 0, publish: "writer" });

function writerChecker(ports: number[]) {
  return Object.assign(createScriptedChecker(ports), { hasWriter: true });
}

/** Checkers of one tag that see what the test lets them see; the first one to start leads. */
function stage() {
  const clock = createFakeClock();
  const store = createMemoryStore();
  const locks = createScriptedLocks(store);
  const writes: number[] = [];
  store.onWrite = (value) => void writes.push((JSON.parse(value) as { port: number }).port);
  const start = async (name: string, more: Partial<typeof WRITER> = {}) => {
    const controller = new AbortController();
    const checker = writerChecker([1, 2, 3]);
    const logger = createCaptureLogger();
    const deps = { checker, store: locks.connect(name), clock, logger, signal: controller.signal };
    const running = runGroup({ ...WRITER, ...more }, deps);
    releaseLater(`checker ${name}`, async () => {
      controller.abort(new Error("stopped by the test"));
      await running;
    });
    await clock.advance(100);
    return { checker, logger };
  };
  return { clock, locks, writes, start };
}

describe("--publish writer over a store with locks", () => {
  test("is decided by whoever holds the lock, without --ha: another one that sees it differently writes nothing", async () => {
    const { start, clock, locks, writes } = stage();
    await start("a");
    const b = await start("b");
    b.checker.behaviour.set(1, "down");
    await clock.advance(120_000);
    expect(locks.holder(KEY)).toBe("a");
    expect(writes).toEqual([1]);
    expect(b.logger.messages()).toContain("scripted t: another checker leads; standing by");
  });

  test("moves by whoever leads next, and not back by the one who led before", async () => {
    const { start, clock, locks, writes } = stage();
    const a = await start("a");
    const b = await start("b");
    b.checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    locks.expire(KEY, false);
    await clock.advance(2_000);
    expect(writes).toEqual([1, 2]);
    a.checker.behaviour.set(2, "down");
    await clock.advance(120_000);
    expect(locks.refused).toEqual(["a"]);
    expect(writes).toEqual([1, 2]);
  });

  test("is one server, which keeps its place when one before it comes back", async () => {
    const { start, clock, writes } = stage();
    const { checker } = await start("a");
    checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    checker.behaviour.set(1, "up");
    await clock.advance(60_000);
    expect(writes).toEqual([1, 2]);
  });

  test("takes no lock with --dry-run", async () => {
    const { start, clock, locks, writes } = stage();
    await start("a", { dryRun: true });
    await clock.advance(2_000);
    expect(locks.holder(KEY)).toBeUndefined();
    expect(writes).toEqual([]);
  });

  test("is not written by a single run, which would write past the lock; to look is allowed", async () => {
    const store = createScriptedLocks(createMemoryStore()).connect("a");
    const checker = writerChecker([1]);
    const signal = new AbortController().signal;
    const deps = { checker, store, clock: createFakeClock(), logger: createCaptureLogger(), signal };
    await expect(checkOnce(WRITER, deps)).rejects.toMatchObject({
      code: "E_USAGE",
      message: "--publish writer is for a daemon: a single run cannot hold the lock of the entry",
    });
    expect(await checkOnce({ ...WRITER, dryRun: true }, deps)).toMatchObject({ written: false });
  });
});

describe("--publish writer", () => {
  test("over a store without locks says what it cannot promise, and publishes", async () => {
    const run = group([1, 2], { publish: "writer" });
    Object.assign(run.checker, { hasWriter: true });
    await run.start();
    expect(run.published()).toBe(1);
    expect(run.logger.messages()).toContain(
      "scripted t: memory: has no lock to hold: of several checkers each may move the writer, by check-and-set",
    );
  });

  test("is refused for a kind whose servers do not all take writes", async () => {
    const { clock, logger, store } = group([1]);
    const deps = { checker: createScriptedChecker([1]), store, clock, logger, signal: new AbortController().signal };
    await expect(runGroup(WRITER, deps)).rejects.toMatchObject({
      code: "E_USAGE",
      message: "--publish writer is for clusters of which every node takes writes (galera), not for scripted",
    });
  });

  test("has no list to fill up", async () => {
    const { clock, logger } = group([1]);
    const deps = { checker: writerChecker([1]), clock, logger, signal: new AbortController().signal };
    await expect(runGroup({ ...WRITER, minServers: 1 }, deps)).rejects.toMatchObject({
      message: "--min-servers goes with --publish all",
    });
  });
});
