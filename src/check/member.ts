import type { Probe } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import { type Damped, isInDoubt, type Thresholds } from "../core/damper.ts";
import { isAbort } from "../core/errors.ts";
import type { Latch } from "../core/latch.ts";
import { type Target, targetName } from "../core/targets.ts";
import type { GoodVerdict, Verdict, VerdictState } from "../core/verdict.ts";
import { createKnowledge, type Hold } from "./knowledge.ts";
import { ask, askPing } from "./probe.ts";
import { createRepeats } from "./repeats.ts";

/** One target of a group, its kept probe and what is known of it. */
export interface Member {
  readonly target: Target;
  readonly name: string;
  /** What counts, after damping. */
  readonly memory: Damped;
  /** The latest one, undamped; undefined before the first. */
  readonly verdict: Verdict | undefined;
  /** The latest good one, undamped. */
  readonly good: GoodVerdict | undefined;
  /** When the latest verdict came, on the monotonic clock; -Infinity before the first. */
  readonly judgedMs: number;
  /** A verdict is to be expected soon. */
  readonly asking: boolean;
  /**
   * Asks, and after a failure again within milliseconds until it is clear whether the target has failed.
   * While that goes on, further calls join it. Rejects only for a bug; an abort ends it quietly.
   */
  check(): Promise<void>;
  /** As {@link Member.check} after news: a question that is out may be answered from before them and is put once more. */
  renew(): void;
  /**
   * The cheap question, if the probe knows one and nothing else is asked at this moment. No answer counts as one
   * failed verdict, with {@link Member.check} behind it; an answer counts as nothing.
   */
  ping(): void;
  /** Closes the probe; no listener is called afterwards. */
  close(): Promise<void>;
}

/** What was known of a member before its latest verdict. */
export interface Before {
  /** The same object as the member's memory when the verdict changed nothing in it. */
  readonly memory: Damped;
  readonly state: VerdictState | undefined;
}

/** What a member reports. Called synchronously, and not at all after it was closed. */
export interface MemberListener {
  /** A verdict was taken in. */
  judged(member: Member, verdict: Verdict, before: Before): void;
  /** The kept connection is gone, or a probe failed: the target may be about to fail. */
  doubted(member: Member): void;
  /** A check failed for a reason that is a bug. */
  failed(error: unknown): void;
}

/** What all members of a group share. */
export interface MemberContext {
  readonly timeoutMs: number;
  readonly thresholds: Thresholds;
  readonly latch?: Latch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly listener: MemberListener;
}

/** Pause before the first question again; it doubles up to {@link LONGEST_PAUSE_MS}. `fall` costs milliseconds. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 50;

/** Checks for the sake of a lost connection are at least this far apart: a server may close after each answer. */
const LOSS_GAP_MS = 100;

/** Runs of questions for the sake of news that came during the one before are at least this far apart. */
const NEWS_GAP_MS = 100;

/** Puts a probe under watch. Nothing is asked before the first {@link Member.check}. */
export function createMember(target: Target, probe: Probe, context: MemberContext): Member {
  const { clock, listener, signal, timeoutMs, thresholds } = context;
  const name = targetName(target);
  const known = createKnowledge({ timeoutMs, thresholds, ...holdOf(name, context.latch) });
  let asking = false;
  let lost = false;
  const repeats = createRepeats();
  const delayOfLoss = createLossGap();
  let closed = false;
  let running: Promise<void> | undefined;
  let pinging: Promise<void> | undefined;

  /** True when the question has to be put again soon. */
  async function askOnce(): Promise<boolean> {
    // A probe that was closed during a pause would connect anew.
    if (closed) return false;
    asking = true;
    lost = false;
    repeats.asked();
    const askedMs = clock.monotonicMs();
    const answer = await ask(probe, timeoutMs, signal);
    return takeIn(answer, askedMs);
  }

  function takeIn(answer: Verdict, askedMs: number): boolean {
    if (closed) return false;
    const before = { memory: known.memory, state: known.verdict?.state };
    const latest = known.take(answer, askedMs, clock.monotonicMs());
    const inDoubt = isInDoubt(known.memory);
    asking = lost || repeats.due || (inDoubt && latest.state !== "unknown");
    // Not for an answer that says nothing: two in doubt would have each other asked without end.
    if (inDoubt && known.memory !== before.memory) listener.doubted(member);
    listener.judged(member, latest, before);
    return asking;
  }

  async function pingOnce(ping: NonNullable<Probe["ping"]>): Promise<void> {
    const askedMs = clock.monotonicMs();
    const failure = await askPing(ping, timeoutMs, signal).finally(() => {
      pinging = undefined;
    });
    if (failure !== undefined && takeIn(failure, askedMs)) void start(FIRST_PAUSE_MS);
  }

  async function settle(delayMs: number): Promise<void> {
    if (delayMs > 0) await clock.sleep(delayMs, signal);
    // One question at a time: a ping that is under way has its answer or its deadline first.
    await pinging;
    for (let pauseMs = FIRST_PAUSE_MS; await askOnce(); pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      if (!repeats.take()) await clock.sleep(pauseMs, signal);
    }
  }

  function start(delayMs: number): Promise<void> {
    if (running !== undefined) return running;
    // At once, not when the question goes out: whoever asks for a check may decide in the same breath.
    asking = true;
    repeats.begin();
    const begun = reporting(settle(delayMs), context).finally(() => {
      asking = false;
      running = undefined;
      if (repeats.left && !closed && !signal.aborted) void start(NEWS_GAP_MS);
    });
    running = begun;
    return begun;
  }

  const member: Member = {
    target,
    name,
    get memory() {
      return known.memory;
    },
    get verdict() {
      return known.verdict;
    },
    get good() {
      return known.good;
    },
    get judgedMs() {
      return known.judgedMs;
    },
    get asking() {
      return asking;
    },
    check: () => (closed ? Promise.resolve() : start(0)),
    renew() {
      if (running !== undefined) repeats.told();
      void member.check();
    },
    ping() {
      const ping = probe.ping?.bind(probe);
      if (ping === undefined || closed || signal.aborted || running !== undefined || pinging !== undefined) return;
      pinging = reporting(pingOnce(ping), context);
    },
    async close() {
      closed = true;
      await probe.close();
      await pinging;
      await running;
      // A question under way may have connected after that.
      await probe.close();
    },
  };
  probe.onLost?.(() => {
    if (closed || signal.aborted) return;
    lost = true;
    void start(delayOfLoss(clock.monotonicMs()));
    listener.doubted(member);
  });
  return member;
}

/** What ends by an abort ends quietly; whatever else it fails with is a bug. */
async function reporting(work: Promise<void>, { listener, signal }: MemberContext): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isAbort(error, signal)) listener.failed(error);
  }
}

function holdOf(name: string, latch: Latch | undefined): { readonly hold?: Hold } {
  if (latch === undefined) return {};
  return { hold: { held: () => latch.held(name), hold: (reason) => latch.hold(name, reason) } };
}

/** How long to wait until the check for the sake of a loss at `nowMs`. */
function createLossGap(): (nowMs: number) => number {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    const delayMs = Math.max(0, lastMs + LOSS_GAP_MS - nowMs);
    lastMs = nowMs + delayMs;
    return delayMs;
  };
}
