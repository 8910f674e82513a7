import { type Damped, damp, type Thresholds, UNSEEN } from "../core/damper.ts";
import type { GoodVerdict, Verdict } from "../core/verdict.ts";

/** What is known of one target. */
export interface Knowledge {
  /** What counts, after damping. */
  readonly memory: Damped;
  /** The latest one, undamped; undefined before the first. */
  readonly verdict: Verdict | undefined;
  /** The latest good one: what it said of the server's weight still holds while the server is in doubt. */
  readonly good: GoodVerdict | undefined;
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

/** The latch of one server. */
export interface Hold {
  /** What was wrong with the server that is held down; undefined when it is not. */
  held(): string | undefined;
  /** The server goes down at this moment. */
  hold(reason: string): void;
}

/** What is to be known, and by which rules. */
export interface KnowledgeRules {
  readonly timeoutMs: number;
  readonly thresholds: Thresholds;
  /** Set when a server that was down is to stay down until a person says otherwise. */
  readonly hold?: Hold;
}

const DOWN: Damped = { ...UNSEEN, health: "down" };

/** Knows nothing at first, but who was down when this program ended and is held. */
export function createKnowledge({ timeoutMs, thresholds, hold }: KnowledgeRules): Knowledge {
  let memory = hold?.held() === undefined ? UNSEEN : DOWN;
  let verdict: Verdict | undefined;
  let good: GoodVerdict | undefined;
  let judgedMs = Number.NEGATIVE_INFINITY;
  return {
    get memory() {
      return memory;
    },
    get verdict() {
      return verdict;
    },
    get good() {
      return good;
    },
    get judgedMs() {
      return judgedMs;
    },
    take(answer, askedMs, nowMs) {
      const latest = heldDown(hold) ?? (nowMs - askedMs > timeoutMs + STOOD_STILL_MS ? STOOD_STILL : answer);
      const before = memory.health;
      judgedMs = nowMs;
      verdict = latest;
      if (latest.state === "up") good = latest;
      memory = damp(memory, latest, thresholds);
      if (memory.health === "down" && before !== "down") hold?.hold(latest.reason);
      return latest;
    },
  };
}

/** As long as it is held, nothing that it answers counts. */
function heldDown(hold: Hold | undefined): Verdict | undefined {
  const reason = hold?.held();
  return reason === undefined ? undefined : { state: "down", reason: `held down by --manual-recovery: ${reason}` };
}
