/** The only source of time for everything that waits or measures, so that a test can drive it by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes backwards. */
  monotonicMs(): number;
  /** Wall clock, ms since the Unix epoch; for what people or other machines read. */
  wallMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
