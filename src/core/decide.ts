import type { Health } from "./damper.ts";
import { type Entry, parseEntry } from "./entry.ts";
import { type Target, targetName } from "./targets.ts";

/** One target as the policy sees it. */
export interface Candidate {
  readonly target: Target;
  readonly health: Health;
  /** Its latest verdict was `up` and came only just now. */
  readonly justSeenUp: boolean;
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

/** What the policy has to know beside the servers and the key. */
export interface Situation {
  /** What is published was replaced before, and somebody else, who sees it differently, published it again. */
  readonly contested: boolean;
  /** False: long enough was waited for the published server, which is down, to answer once more. */
  readonly patient: boolean;
}

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
 * - Only a target that has just been seen healthy is published, and not while another answer of it is on its way.
 * - Nobody healthy: the entry is left alone.
 * - A published server that is not among the targets is nobody we can vouch for: it is replaced.
 * - What is contested is left alone, so that two checkers cannot fight.
 * - While the published server is down each moment counts: the first in order of those just seen healthy is
 *   taken. Otherwise an earlier target that is being asked is waited for, so that the order holds.
 * - A published server that failed and is being asked again may be back: with all the others, if what failed was
 *   the way from here to them. So its answer is waited for, with patience.
 */
export function decide(candidates: readonly Candidate[], published: Published, situation: Situation): Decision {
  const name = publishedName(published);
  const current = name === undefined ? undefined : candidates.find(({ target }) => targetName(target) === name);
  if (current?.health === "up" || current?.health === "unseen") return { action: "keep", target: current.target };
  if (situation.contested)
    return { action: "leave", because: current === undefined ? "foreign-again" : "failed-again" };
  const choice = choose(candidates, whyPublish(published, current), current !== undefined);
  return choice.action === "publish" && current?.asking && situation.patient ? { action: "wait" } : choice;
}

/** The server that an entry names, spelled as {@link targetName} does; undefined without an entry. */
export function publishedName(published: Published): string | undefined {
  return published.state === "entry" ? targetName(published.entry) : undefined;
}

/** As {@link publishedName}, for those who want to ask it. */
export function publishedTarget(published: Published | undefined): Target | undefined {
  return published?.state === "entry" ? { host: published.entry.host, port: published.entry.port } : undefined;
}

function choose(candidates: readonly Candidate[], because: string, urgent: boolean): Decision {
  let hope = false;
  for (const { target, health, justSeenUp, asking } of candidates) {
    if (health === "up" && justSeenUp && !asking) return { action: "publish", target, because };
    if (!asking || health === "down" || health === "drain") continue;
    if (!urgent) return { action: "wait" };
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
