import type { Clock } from "../core/clock.ts";
import { isAbort } from "../core/errors.ts";
import type { Member } from "./member.ts";

/** Whom the pulse is for. */
export interface PulseContext {
  readonly pulseMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly members: () => readonly Member[];
  /** The names that the entry holds. */
  readonly published: () => readonly string[];
  /** Nobody can be published. */
  readonly searching: () => boolean;
}

/** While nobody is up all are asked each so many pulses, but not for ever: a service that was taken down stays quiet. */
const SEARCH_EVERY = 2;
const SEARCH_MS = 60_000;

/**
 * Between the rounds: pings the published servers, because one that hangs is found by no lost connection; and while
 * nobody is up asks all of them, so that the first to come back is not waited for until the next round. Ends only by
 * the signal.
 */
export async function beat(context: PulseContext): Promise<void> {
  const { pulseMs, clock, signal } = context;
  let sinceMs: number | undefined;
  for (let count = 0; await slept(pulseMs, clock, signal); count++) {
    sinceMs = context.searching() ? (sinceMs ?? clock.monotonicMs()) : undefined;
    if (sinceMs === undefined) pingPublished(context);
    else if (count % SEARCH_EVERY === 0 && clock.monotonicMs() - sinceMs <= SEARCH_MS) askAll(context);
  }
}

/** False: the signal aborted. */
async function slept(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch (error) {
    if (isAbort(error, signal)) return false;
    throw error;
  }
}

function pingPublished({ members, published }: PulseContext): void {
  const names = published();
  for (const member of members()) {
    if (names.includes(member.name)) member.ping();
  }
}

function askAll({ members }: PulseContext): void {
  for (const member of members()) void member.check();
}
