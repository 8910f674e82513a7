/** How long to wait between tries: doubles from `firstMs` to `maxMs`, with jitter so that a fleet spreads out. */
export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Counts failures in a row. Endless: the caller decides when to give up, if ever. */
export interface Backoff {
  /** The next wait in ms, between half and all of the doubled delay. */
  next(): number;
  /** Any successful contact starts the count anew. */
  reset(): void;
  readonly failures: number;
}

/** `random` is in [0, 1), as `Math.random`. */
export function createBackoff(policy: BackoffPolicy, random: () => number = Math.random): Backoff {
  let failures = 0;
  return {
    next() {
      const full = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(failures, 30));
      failures += 1;
      return full / 2 + (full / 2) * random();
    },
    reset() {
      failures = 0;
    },
    get failures() {
      return failures;
    },
  };
}
