import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runGroup } from "../../../src/check/group.ts";
import type { Clock } from "../../../src/core/clock.ts";
import type { Lock, Store } from "../../../src/core/store.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { KEY, OPTIONS } from "./group-run.ts";
import { createMemoryStore, createScriptedChecker, type ScriptedChecker } from "./scripted.ts";
import { createScriptedLocks } from "./scripted-lock.ts";

/** The ways that the words of one checker take to the store and back, each with its own delays, in turn. */
interface Delays {
  readonly putMs: readonly number[];
  readonly toldMs: readonly number[];
  /** After how long a written answer comes back. */
  readonly answerMs: readonly number[];
}

const delay = fc.constantFrom(0, 0, 1, 4, 15, 60, 250, 1_200, 4_000);
const delays: fc.Arbitrary<Delays> = fc.record({
  putMs: fc.array(delay, { maxLength: 6 }),
  toldMs: fc.array(delay, { maxLength: 6 }),
  answerMs: fc.array(delay, { maxLength: 6 }),
});
const checkers = fc.array(delays, { minLength: 2, maxLength: 3 });

/** A store on the far end of a slow and moody line. */
function slow(store: Store, clock: Clock, { putMs, toldMs, answerMs }: Delays): Store {
  const wait = async (list: readonly number[], count: number, signal: AbortSignal) => {
    const ms = list[count % Math.max(1, list.length)] ?? 0;
    if (ms > 0) await clock.sleep(ms, signal);
  };
  const count = { put: 0, told: 0, answer: 0 };
  const putSlowly =
    (put: Store["put"]): Store["put"] =>
    async (key, value, call) => {
      await wait(putMs, count.put++, call.signal);
      const won = await put(key, value, call);
      await wait(answerMs, count.answer++, call.signal);
      return won;
    };
  const { lock } = store;
  return {
    ...store,
    ...(lock === undefined ? {} : { lock: async (key, call) => withSlowPut(await lock(key, call)) }),
    put: putSlowly(store.put),
    async *watch(key, call) {
      for await (const snapshot of store.watch(key, call)) {
        await wait(toldMs, count.told++, call.signal);
        yield snapshot;
      }
    },
  };

  function withSlowPut(held: Lock): Lock {
    return { ...held, put: putSlowly(held.put) };
  }
}

interface Play {
  readonly ports: number[];
  readonly lines: readonly Delays[];
  readonly ha: boolean;
}

function play({ ports, lines, ha }: Play) {
  const clock = createFakeClock();
  const store = createMemoryStore();
  const locks = createScriptedLocks(store);
  const writes: number[] = [];
  store.onWrite = (value) => void writes.push((JSON.parse(value) as { port: number }).port);
  const controller = new AbortController();
  const scripted: ScriptedChecker[] = [];
  const running = lines.map((line, at) => {
    const checker = createScriptedChecker(ports);
    scripted.push(checker);
    const connected = slow(ha ? locks.connect(`${at}`) : store, clock, line);
    const deps = { checker, store: connected, clock, logger: createCaptureLogger(), signal: controller.signal };
    return runGroup({ ...OPTIONS, ha, phaseMs: 100 * at }, deps);
  });
  return {
    clock,
    writes,
    locks,
    published: () => (JSON.parse(store.values.get(KEY)?.value ?? "{}") as { port?: number }).port,
    fail(port: number, at?: number) {
      for (const [index, checker] of scripted.entries()) {
        if (at !== undefined && at !== index) continue;
        checker.behaviour.set(port, "down");
        checker.lose(port);
      }
    },
    heal: (port: number) => {
      for (const checker of scripted) checker.behaviour.set(port, "up");
    },
    /** One checker alone learns of it before its next round. */
    loseAt: (port: number, at: number) => scripted[at]?.lose(port),
    setAll: (port: number, behaviour: "up" | "down") => {
      for (const checker of scripted) checker.behaviour.set(port, behaviour);
    },
    async stop() {
      controller.abort(new Error("the play is over"));
      await Promise.all(running);
    },
  };
}

describe.each([
  ["check-and-set", false],
  ["a lock", true],
])("several checkers with %s on slow lines", (_, ha) => {
  test("one fault moves the entry once, whoever sees it first, and nobody moves it back", async () => {
    const scenario = fc.record({
      lines: checkers,
      /** How much later each next one sees it. */
      laterMs: fc.constantFrom(0, 3, 40, 700),
      healsAfterMs: fc.option(fc.integer({ min: 0, max: 9_000 })),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ lines, laterMs, healsAfterMs }) => {
        const run = play({ ports: [1, 2, 3], lines, ha });
        await run.clock.advance(15_000);
        const first = run.published();
        for (const at of lines.keys()) {
          run.fail(1, at);
          await run.clock.advance(laterMs);
        }
        if (healsAfterMs !== null) {
          await run.clock.advance(healsAfterMs);
          run.heal(1);
        }
        await run.clock.advance(30_000);
        await run.stop();
        expect(first).toBe(1);
        // Who healed before anybody's word had arrived may stay.
        expect([[1], [1, 2]]).toContainEqual(run.writes);
        if (healsAfterMs === null) expect(run.writes).toEqual([1, 2]);
      }),
      { numRuns: 150 },
    );
  });

  test("one after the other fails: each time the entry moves once, to one that is up", async () => {
    await fc.assert(
      fc.asyncProperty(checkers, async (lines) => {
        const run = play({ ports: [1, 2, 3], lines, ha });
        await run.clock.advance(15_000);
        run.fail(1);
        await run.clock.advance(30_000);
        run.fail(2);
        await run.clock.advance(30_000);
        await run.stop();
        expect(run.writes).toEqual([1, 2, 3]);
      }),
      { numRuns: 80 },
    );
  });
});

test("one comes back in the moment in which the published one dies: the entry moves once all the same", async () => {
  const scenario = fc.record({
    lines: checkers,
    laterMs: fc.constantFrom(0, 1, 3, 40, 700),
    phaseMs: fc.integer({ min: 0, max: 1_000 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ lines, laterMs, phaseMs }) => {
      const run = play({ ports: [1, 2, 3], lines, ha: false });
      await run.clock.advance(15_000);
      run.fail(1);
      await run.clock.advance(30_000 + phaseMs);
      run.setAll(1, "up");
      run.setAll(2, "down");
      for (const at of lines.keys()) {
        run.loseAt(2, at);
        await run.clock.advance(laterMs);
      }
      await run.clock.advance(30_000);
      await run.stop();
      expect([
        [1, 2, 1],
        [1, 2, 3],
      ]).toContainEqual(run.writes);
    }),
    { numRuns: 300 },
  );
});

test("a leader that lost its session without noticing never writes, whatever the delays", async () => {
  const scenario = fc.record({ lines: checkers, atMs: fc.array(fc.integer({ min: 0, max: 8_000 }), { maxLength: 5 }) });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ lines, atMs }) => {
      const run = play({ ports: [1, 2, 3], lines, ha: true });
      await run.clock.advance(15_000);
      for (const ms of atMs) {
        if (run.locks.holder(KEY) !== undefined) run.locks.expire(KEY, false);
        run.fail(1);
        await run.clock.advance(ms);
      }
      await run.clock.advance(30_000);
      await run.stop();
      expect([[1], [1, 2]]).toContainEqual(run.writes);
    }),
    { numRuns: 100 },
  );
});
