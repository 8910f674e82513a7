import type { Guard } from "../core/resource.ts";

/** What the guard compares: the keys of the last file that was let through, and those of the new one. */
export interface GuardCase {
  readonly guard: Guard;
  /** Undefined when nothing was ever let through. */
  readonly before: readonly string[] | undefined;
  readonly now: readonly string[];
  /** Since when this resource has been held back without a break, in ms; undefined when it is not. */
  readonly heldForMs: number | undefined;
}

/** Undefined: let it through. Otherwise why not, and which keys vanished. */
export type Held = { readonly reason: string; readonly vanished: readonly string[] } | undefined;

/**
 * Whether a new set of keys may replace the old one. "Suddenly empty or shrunk" is far more often a fault of
 * the store, of a token or of an operator than the truth, and an HAProxy without servers is an outage.
 */
export function judge(given: GuardCase): Held {
  const { guard, before, now } = given;
  const reason = emptyReason(guard, now) ?? tooFewReason(guard, now) ?? shrinkReason(guard, before, now);
  if (reason === undefined) return undefined;
  const confirmed = guard.confirmAfterMs !== undefined && (given.heldForMs ?? 0) >= guard.confirmAfterMs;
  if (confirmed) return undefined;
  return { reason, vanished: vanishedKeys(before, now) };
}

function emptyReason(guard: Guard, now: readonly string[]): string | undefined {
  return now.length === 0 && !guard.allowEmpty ? "there is no key at all (allow_empty = false)" : undefined;
}

function tooFewReason(guard: Guard, now: readonly string[]): string | undefined {
  if (now.length >= guard.minEntries) return undefined;
  return `only ${now.length} of at least ${guard.minEntries} keys are there (min_entries)`;
}

function shrinkReason(guard: Guard, before: readonly string[] | undefined, now: readonly string[]): string | undefined {
  if (before === undefined || before.length === 0) return undefined;
  const lost = before.length - now.length;
  if ((lost / before.length) * 100 <= guard.maxShrinkPercent) return undefined;
  return `${before.length} keys shrank to ${now.length} at once (max_shrink = "${guard.maxShrinkPercent}%")`;
}

function vanishedKeys(before: readonly string[] | undefined, now: readonly string[]): readonly string[] {
  if (before === undefined) return [];
  const there = new Set(now);
  return before.filter((key) => !there.has(key));
}
