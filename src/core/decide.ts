import { type Target, targetName } from "./checker.ts";
import type { Health } from "./damper.ts";
import { type Entry, parseEntry } from "./entry.ts";

/** One target as the policy sees it. */
export interface Candidate {
  readonly target: Target;
  readonly health: Health;
  /** Its latest verdict came only just now. */
  readonly justJudged: boolean;
  /** Its latest verdict was `up` and came only just now. */
  readonly justSeenUp: boolean;
  /** Until just now it could not have been published. */
  readonly newlyUp: boolean;
  /** It is being asked at this moment, or about to be. */
  readonly asking: boolean;
}

/** What the key of the tag holds. */
export type Published =
  | { readonly state: "absent" }
  | { readonly state: "malformed"; readonly problem: string }
  | { readonly state: "entry"; readonly entry: Entry };

/** What is to be done about the key, and why. */
export type Decision =
  /** The published server is one of ours and not known to have failed. */
  | { readonly action: "keep"; readonly target: Target }
  | { readonly action: "publish"; readonly target: Target; readonly because: string }
  /** Nobody is up: the entry stays as it is. */
  | { readonly action: "leave"; readonly because: "none-up" }
  /** Somebody else published again what was replaced here: a server that is not among ours, or is not up from here. */
  | { readonly action: "leave"; readonly because: "foreign-again" | "failed-again" }
  /** A verdict that may change the choice is still to come. */
  | { readonly action: "wait" };

/** Reads the value of the tag's key; undefined when there is no such key. */
export function readPublished(value: string | undefined): Published {
  if (value === undefined) return { state: "absent" };
  const result = parseEntry(value);
  return "entry" in result ? { state: "entry", entry: result.entry } : { state: "malformed", problem: result.problem };
}

/**
 * The policy: sticky, and the first healthy target in the given order.
 *
 * - A published target that has not failed is never replaced, whoever published it.
 * - Only a target that has just been seen healthy is published.
 * - Nobody healthy: the entry is left alone.
 * - A published server that is not among the targets is nobody we can vouch for: it is replaced.
 * - `contested`: it was replaced before, and somebody else, who sees it differently, published it again. It is
 *   left alone, so that two checkers cannot fight.
 * - While the published server is down each moment counts: the first in order of those just seen healthy is
 *   taken. Otherwise an earlier target that is being asked is waited for, so that the order holds.
 * - But a failover it is only when the published server failed just now and the other one was healthy before.
 *   When they were all gone (the way from here to them was), or it failed some time ago and could not be
 *   replaced then, it may be back as well: if it is being asked, its answer is waited for.
 */
export function decide(candidates: readonly Candidate[], published: Published, contested: boolean): Decision {
  const name = publishedName(published);
  const current = name === undefined ? undefined : candidates.find(({ target }) => targetName(target) === name);
  if (current?.health === "up" || current?.health === "unseen") return { action: "keep", target: current.target };
  if (contested) return { action: "leave", because: current === undefined ? "foreign-again" : "failed-again" };
  return choose(candidates, current, whyPublish(published, current));
}

/** The server that an entry names, spelled as {@link targetName} does; undefined without an entry. */
export function publishedName(published: Published): string | undefined {
  return published.state === "entry" ? targetName(published.entry) : undefined;
}

function choose(candidates: readonly Candidate[], current: Candidate | undefined, because: string): Decision {
  let hope = false;
  for (const { target, health, justSeenUp, newlyUp, asking } of candidates) {
    const good = health === "up" && justSeenUp;
    const currentMayBeToo = current?.asking === true && (newlyUp || !current.justJudged);
    if (good && !currentMayBeToo) return { action: "publish", target, because };
    if (!good && (!asking || health === "down" || health === "drain")) continue;
    if (current === undefined) return { action: "wait" };
    hope = true;
  }
  return hope ? { action: "wait" } : { action: "leave", because: "none-up" };
}

function whyPublish(published: Published, current: Candidate | undefined): string {
  if (published.state === "absent") return "nothing is published";
  if (published.state === "malformed") return `the published value is no entry: ${published.problem}`;
  const name = targetName(published.entry);
  if (current === undefined) return `${name} is published but is not among the servers`;
  return current.health === "drain" ? `${name} is draining` : `${name} is down`;
}
