import { type Backoff, createBackoff } from "../lib/backoff.ts";

/**
 * Keeps checkers that see the servers differently (other lists, a network cut in two) from overwriting one
 * another without end: who was replaced here and is published again by somebody else is left alone for a time.
 */
export interface Disputes {
  /** `name` was published and was replaced by us. */
  replaced(name: string): void;
  /** `name` is healthy from here as well: there is nothing to dispute any more. */
  agreed(name: string): void;
  /** Whether `name`, which is published, is to be left alone at this moment. `isOurs`: it is among our servers. */
  isContested(name: string, isOurs: boolean, nowMs: number): boolean;
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
    replaced(name) {
      const backoff = disputes.get(name)?.backoff ?? createBackoff(REST);
      disputes.set(name, { backoff, untilMs: undefined });
    },
    agreed(name) {
      disputes.delete(name);
    },
    isContested(name, isOurs, nowMs) {
      const dispute = disputes.get(name);
      if (dispute === undefined) return false;
      dispute.untilMs ??= isOurs ? nowMs + dispute.backoff.next() : Number.POSITIVE_INFINITY;
      return nowMs < dispute.untilMs;
    },
  };
}
