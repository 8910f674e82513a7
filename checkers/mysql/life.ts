import type { Clock } from "../../src/core/clock.ts";

/** What is known of whether the master lives. Times are on the monotonic clock, in ms. */
export interface Life {
  /** It answered. */
  seen(): void;
  /** It could not be reached, or its connection was lost. */
  missed(): void;
  readonly isGone: boolean;
  /** When it answered last before it was gone for the last time; undefined if it never was, or never answered. */
  readonly lastSeenBeforeGoneMs: number | undefined;
  /** When it answered again after it was gone; undefined while it is gone, or never was. */
  readonly backSinceMs: number | undefined;
}

/** Nothing is known at first. */
export function createLife(clock: Clock): Life {
  let lastSeenMs: number | undefined;
  let lastSeenBeforeGoneMs: number | undefined;
  let backSinceMs: number | undefined;
  let isGone = false;
  return {
    seen() {
      const nowMs = clock.monotonicMs();
      if (isGone) backSinceMs = nowMs;
      isGone = false;
      lastSeenMs = nowMs;
    },
    missed() {
      if (isGone) return;
      isGone = true;
      lastSeenBeforeGoneMs = lastSeenMs;
      backSinceMs = undefined;
    },
    get isGone() {
      return isGone;
    },
    get lastSeenBeforeGoneMs() {
      return lastSeenBeforeGoneMs;
    },
    get backSinceMs() {
      return backSinceMs;
    },
  };
}
