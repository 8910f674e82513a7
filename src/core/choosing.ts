import type { Candidate } from "./policy.ts";
import type { Rank } from "./verdict.ts";

/** Whom to publish; `wait`: somebody who may be better has not answered yet; undefined: nobody can be. */
export type Found = Candidate | "wait" | undefined;

/** It has not failed, as far as is known. */
export function isUsable({ health }: Candidate): boolean {
  return health === "up" || health === "unseen";
}

/**
 * It stays if it is published. One on its way back too: whoever published it has perhaps seen it come back earlier, and
 * `rise` is for choosing a server, not for taking it away.
 */
export function stays(candidate: Candidate): boolean {
  return isUsable(candidate) || candidate.recovering;
}

/** It may be published: seen healthy just now, and no other answer on its way. */
export function isReady({ health, justSeenUp, asking }: Candidate): boolean {
  return health === "up" && justSeenUp && !asking;
}

/** It may turn out to be ready in a moment. */
export function isHopeful(candidate: Candidate): boolean {
  return candidate.asking && isUsable(candidate);
}

/**
 * The best that can be published, a last resort only when there is no other. `urgent`: whoever is ready is taken,
 * without waiting for somebody better.
 */
export function pick(candidates: readonly Candidate[], urgent: boolean): Found {
  const isLast = ({ target }: Candidate) => target.lastResort === true;
  const regular = candidates.filter((candidate) => !isLast(candidate));
  return pickAmong(regular, urgent) ?? pickAmong(candidates.filter(isLast), urgent);
}

function pickAmong(candidates: readonly Candidate[], urgent: boolean): Found {
  const ready = best(candidates.filter(isReady));
  const hopeful = candidates.filter(isHopeful);
  if (ready === undefined) return hopeful.length > 0 ? "wait" : undefined;
  if (urgent) return ready;
  const mayBeBetter = (one: Candidate) =>
    ready.rank !== undefined || candidates.indexOf(one) < candidates.indexOf(ready);
  return hopeful.some(mayBeBetter) ? "wait" : ready;
}

/** The one with the smallest rank, of several the first; without a rank by place alone. */
export function best(candidates: readonly Candidate[]): Candidate | undefined {
  let found: Candidate | undefined;
  for (const one of candidates) {
    if (found === undefined || compareRanks(one.rank, found.rank) < 0) found = one;
  }
  return found;
}

/** Negative when `a` is the better one. A missing number counts as 0, so that ranks of any length compare. */
export function compareRanks(a: Rank = [], b: Rank = []): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
