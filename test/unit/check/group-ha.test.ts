import { describe, expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { releaseLater } from "../../support/releases.ts";
import { group, KEY, OPTIONS } from "./group-run.ts";
import { createMemoryStore, createScriptedChecker } from "./scripted.ts";
import { createScriptedLocks } from "./scripted-lock.ts";

/** Several checkers with --ha on one tag; the first one to start leads. */
function stage() {
  const clock = createFakeClock();
  const store = createMemoryStore();
  const locks = createScriptedLocks(store);
  const writes: number[] = [];
  store.onWrite = (value) => void writes.push((JSON.parse(value) as { port: number }).port);
  const start = async (name: string) => {
    const controller = new AbortController();
    const checker = createScriptedChecker([1, 2]);
    const logger = createCaptureLogger();
    const deps = { checker, store: locks.connect(name), clock, logger, signal: controller.signal };
    const running = runGroup({ ...OPTIONS, ha: true }, deps);
    const stop = async () => {
      controller.abort(new Error("stopped by the test"));
      await running;
    };
    releaseLater(`checker ${name}`, stop);
    await clock.advance(100);
    return { checker, logger, stop };
  };
  const published = () => (JSON.parse(store.values.get(KEY)?.value ?? "{}") as { port?: number }).port;
  return { clock, store, locks, writes, start, published };
}

describe("with --ha", () => {
  test("the leader writes, the follower probes and stands by", async () => {
    const { start, clock, writes, locks } = stage();
    const a = await start("a");
    const b = await start("b");
    await clock.advance(2_000);
    expect(writes).toEqual([1]);
    expect(locks.holder(KEY)).toBe("a");
    expect(a.logger.messages()).toContain("scripted t: leads now");
    expect(b.logger.messages()).toContain("scripted t: another checker leads; standing by");
    b.checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    expect(writes).toEqual([1]);
    expect(b.logger.messages()).toContain(
      "scripted t: 127.0.0.1:1 is down (is down, 2 of 2); 127.0.0.1:2 is for the leader to publish",
    );
  });

  test("a clean stop hands over at once, and the follower knows already what is right", async () => {
    const { start, clock, published, locks } = stage();
    const a = await start("a");
    const b = await start("b");
    b.checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    expect(published()).toBe(1);
    await a.stop();
    expect(locks.holder(KEY)).toBe("b");
    // Its latest answer may be older than the timeout: it is asked once more, no round is waited for.
    await clock.advance(10);
    expect(published()).toBe(2);
  });

  test("an old leader that was paused cannot write, and follows when it finds out", async () => {
    const { start, clock, writes, locks, published } = stage();
    const a = await start("a");
    const b = await start("b");
    locks.expire(KEY, false);
    await clock.advance(100);
    expect(locks.holder(KEY)).toBe("b");
    a.checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    expect(locks.refused).toEqual(["a"]);
    expect(writes).toEqual([1]);
    expect(a.logger.messages("warn")).toContain("scripted t: does not lead any more (the session is gone)");
    b.checker.behaviour.set(1, "down");
    await clock.advance(2_000);
    expect(published()).toBe(2);
    expect(writes).toEqual([1, 2]);
  });

  test("a leader that is told of its loss competes again", async () => {
    const { start, clock, locks } = stage();
    await start("a");
    locks.expire(KEY, true);
    await clock.advance(100);
    expect(locks.holder(KEY)).toBe("a");
  });

  test("a store without locks is refused with words", async () => {
    const run = group([1]);
    const deps = { ...run, signal: new AbortController().signal };
    await expect(runGroup({ ...OPTIONS, ha: true }, deps)).rejects.toMatchObject({
      code: "E_USAGE",
      message: "--ha needs a store with locks, which memory: has not",
    });
  });

  test("--dry-run takes no lock: that would be a write", async () => {
    const { locks, clock } = stage();
    const controller = new AbortController();
    const deps = { clock, logger: createCaptureLogger(), signal: controller.signal };
    const checker = createScriptedChecker([1]);
    const running = runGroup({ ...OPTIONS, ha: true, dryRun: true }, { ...deps, checker, store: locks.connect("a") });
    await clock.advance(2_000);
    expect(locks.holder(KEY)).toBeUndefined();
    controller.abort(new Error("stopped by the test"));
    await running;
  });
});
