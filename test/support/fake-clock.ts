import type { Clock } from "../../src/core/clock.ts";
import { eventually } from "./eventually.ts";

/** A clock that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** How many sleeps are pending. */
  readonly sleepers: number;
  /** Ms until the next sleep ends, or undefined when nobody sleeps. */
  readonly nextInMs: number | undefined;
  /**
   * Moves time on: ends the sleeps that fall due one after the other, in order, each at its own moment, and lets
   * what they wake run before the next (also when it sleeps again within the same stretch).
   */
  advance(ms: number): Promise<void>;
  /** Waits in real time until `count` sleeps are pending: the code under test has come to rest. */
  untilSleepers(count: number): Promise<void>;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** The wall clock starts at 2026-01-01T00:00:00Z by default, the monotonic one at 0. */
export function createFakeClock(startWallMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();
  const next = () => [...sleepers].reduce<Sleeper | undefined>(earlier, undefined);
  return {
    monotonicMs: () => nowMs,
    wallMs: () => startWallMs + nowMs,
    sleep: (ms, signal) => sleepUntil(sleepers, nowMs + Math.max(0, ms), signal),
    get sleepers() {
      return sleepers.size;
    },
    get nextInMs() {
      const first = next();
      return first === undefined ? undefined : first.dueMs - nowMs;
    },
    async advance(ms) {
      const targetMs = nowMs + ms;
      await settle();
      for (let first = next(); first !== undefined && first.dueMs <= targetMs; first = next()) {
        nowMs = first.dueMs;
        first.wake();
        await settle();
      }
      nowMs = targetMs;
    },
    async untilSleepers(count) {
      await eventually(`${count} sleeps are pending`, () => sleepers.size >= count);
    },
  };
}

function sleepUntil(sleepers: Set<Sleeper>, dueMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const sleeper: Sleeper = {
      dueMs,
      wake: () => {
        sleepers.delete(sleeper);
        signal.removeEventListener("abort", onAbort);
        resolve();
      },
    };
    const onAbort = () => {
      sleepers.delete(sleeper);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    sleepers.add(sleeper);
  });
}

/** First added wins a tie, as with real timers: a Set keeps the order of adding. */
function earlier(best: Sleeper | undefined, candidate: Sleeper): Sleeper {
  return best !== undefined && best.dueMs <= candidate.dueMs ? best : candidate;
}

/** Lets every promise that can settle without I/O do so: microtasks are drained before a macrotask runs. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
