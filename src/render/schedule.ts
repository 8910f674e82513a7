/** When one resource has changed and when it was last worked on; monotonic ms. */
export interface Timing {
  /** The first change that no pass has seen yet; undefined when there is none. */
  readonly dirtySinceMs: number | undefined;
  /** The latest change. */
  readonly changedAtMs: number;
  /** When the last pass over it began; -Infinity when there was none. */
  readonly passedAtMs: number;
  /** When a failed one is to be tried again though nothing changed; undefined when it is not. */
  readonly retryAtMs: number | undefined;
}

/** How changes of one resource are folded together, ms. */
export interface Pace {
  /** Between the beginnings of two passes; the first change after quiet does not wait. */
  readonly quietMs: number;
  /** Wait until there was no change for this long, but at most {@link MAX_DEBOUNCES} times as long in all. */
  readonly debounceMs: number;
  /** This resource's own random part of `--splay`, drawn anew for each change. */
  readonly splayMs: number;
}

/** A steady stream of changes cannot put a pass off for longer than this many debounce times; as consul-template. */
const MAX_DEBOUNCES = 4;

/** When the resource is due, monotonic ms; undefined when there is nothing to do. */
export function dueAtMs(timing: Timing, pace: Pace): number | undefined {
  const changeDue = changeDueAtMs(timing, pace);
  if (changeDue === undefined) return timing.retryAtMs;
  return timing.retryAtMs === undefined ? changeDue : Math.min(changeDue, timing.retryAtMs);
}

function changeDueAtMs(timing: Timing, pace: Pace): number | undefined {
  const { dirtySinceMs } = timing;
  if (dirtySinceMs === undefined) return undefined;
  const settled = Math.min(timing.changedAtMs + pace.debounceMs, dirtySinceMs + MAX_DEBOUNCES * pace.debounceMs);
  return Math.max(settled, dirtySinceMs + pace.splayMs, timing.passedAtMs + pace.quietMs);
}
