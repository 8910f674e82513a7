import { type Backoff, createBackoff } from "../lib/backoff.ts";

/**
 * Keeps checkers that see the servers differently (other lists, a network cut in two) from overwriting one
 * another without end: who was replaced here and is published again by somebody else is left alone for a time.
 */
export interface Disputes {
  /** `choice` was published and was replaced by us. */
  replaced(choice: string): void;
  /** `choice` is right from here as well: there is nothing to dispute any more. */
  agreed(choice: string): void;
  /** Whether `choice`, which is published, is to be left alone now. `isOurs`: its first server is among ours. */
  isContested(choice: string, isOurs: boolean, nowMs: number): boolean;
}

/** From a slip of an operator's, put right at once, to a cut that lasts, in which each side has a word a minute. */
const REST = { firstMs: 1_000, maxMs: 60_000 };

interface Dispute {
  readonly backoff: Backoff;
  /** Undefined until somebody publishes it again. */
  untilMs: number | undefined;
}

/** Knows of none at first. One of our servers is replaced again after a rest that grows, another never. */
export function createDisputes(): Disputes {
  const disputes = new Map<string, Dispute>();
  return {
    replaced(choice) {
      const backoff = disputes.get(choice)?.backoff ?? createBackoff(REST);
      disputes.set(choice, { backoff, untilMs: undefined });
    },
    agreed(choice) {
      disputes.delete(choice);
    },
    isContested(choice, isOurs, nowMs) {
      const dispute = disputes.get(choice);
      if (dispute === undefined) return false;
      dispute.untilMs ??= isOurs ? nowMs + dispute.backoff.next() : Number.POSITIVE_INFINITY;
      return nowMs < dispute.untilMs;
    },
  };
}
