import { type Damped, damp, type Thresholds, UNSEEN } from "../core/damper.ts";
import type { Verdict } from "../core/verdict.ts";

/** What is known of one target. */
export interface Knowledge {
  /** What counts, after damping. */
  readonly memory: Damped;
  /** The latest one, undamped; undefined before the first. */
  readonly verdict: Verdict | undefined;
  /** When the latest verdict came, on the monotonic clock; -Infinity before the first. */
  readonly judgedMs: number;
  /** Takes in what was asked at `askedMs` and came at `nowMs`; returns the verdict that it is taken for. */
  take(answer: Verdict, askedMs: number, nowMs: number): Verdict;
}

/**
 * An answer that is later than its deadline by more than this says something about this process (it was stopped,
 * its machine slept) and nothing about the target: a good one is old, a bad one nobody's fault.
 */
const STOOD_STILL_MS = 1_000;
const STOOD_STILL: Verdict = { state: "unknown", reason: "this process stood still while it waited for the answer" };

/** Knows nothing at first. */
export function createKnowledge(timeoutMs: number, thresholds: Thresholds): Knowledge {
  let memory = UNSEEN;
  let verdict: Verdict | undefined;
  let judgedMs = Number.NEGATIVE_INFINITY;
  return {
    get memory() {
      return memory;
    },
    get verdict() {
      return verdict;
    },
    get judgedMs() {
      return judgedMs;
    },
    take(answer, askedMs, nowMs) {
      const latest = nowMs - askedMs > timeoutMs + STOOD_STILL_MS ? STOOD_STILL : answer;
      judgedMs = nowMs;
      verdict = latest;
      memory = damp(memory, latest, thresholds);
      return latest;
    },
  };
}
