/**
 * What every function that waits is given: when to stop, and how long it may take at the most.
 * Deadlines are composed from it by `lib/deadline.ts` alone.
 */
export interface Call {
  readonly signal: AbortSignal;
  /** The longest this one call may take, in ms. Without it the callee's own default holds. */
  readonly timeoutMs?: number;
}
