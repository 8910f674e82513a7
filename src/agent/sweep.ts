import type { Clock } from "../core/clock.ts";

/** How often it is looked who has gone or taken too long, ms: rarer, and many at once would keep others waiting. */
const SWEEP_MS = 5;

/** How often it is looked whether all have gone, when all is to end, ms. */
const GONE_MS = 5;

/** The end is bounded by itself. */
const NEVER = new AbortController().signal;

/** Looks after those who take too long, as long as there is anybody. */
export interface Sweeper {
  /** There is somebody. */
  wake(): void;
  /** Nobody is looked after any more. */
  stop(): void;
}

/**
 * Each sweep goes by the time of the one before: between the two was read what had come until then. Right after a
 * standstill of the process all are late, and their questions are there but unread.
 */
export function createSweeper(isNeeded: () => boolean, sweep: (atMs: number) => void, clock: Clock): Sweeper {
  const stopped = new AbortController();
  let awake = false;

  async function run(): Promise<void> {
    awake = true;
    let beforeMs = clock.monotonicMs();
    while (isNeeded() && (await slept(SWEEP_MS, clock, stopped.signal))) {
      sweep(beforeMs);
      beforeMs = clock.monotonicMs();
    }
    awake = false;
  }

  return {
    wake() {
      if (!awake) void run();
    },
    stop: () => stopped.abort(new Error("the agent port is closed")),
  };
}

/** Resolves when it is over, or after so long. */
export async function untilOver(isOver: () => boolean, mostMs: number, clock: Clock): Promise<void> {
  const endsMs = clock.monotonicMs() + mostMs;
  while (!isOver() && clock.monotonicMs() < endsMs) await clock.sleep(GONE_MS, NEVER);
}

/** False: the signal aborted. */
export async function slept(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
