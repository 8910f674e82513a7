import type { Damped, Thresholds } from "../core/damper.ts";
import type { Decision } from "../core/policy.ts";
import { type Published, publishedNames } from "../core/published.ts";
import { type Target, targetName } from "../core/targets.ts";
import type { Verdict } from "../core/verdict.ts";
import type { Member } from "./member.ts";

/** The news about a target in one clause, or undefined when its health is what it was. */
export function healthNews(
  member: Member,
  verdict: Verdict,
  change: { readonly before: Damped; readonly thresholds: Thresholds },
): string | undefined {
  const { before, thresholds } = change;
  const { health } = member.memory;
  if (health === before.health) return undefined;
  if (health === "up") return `${member.name} is up${before.health === "unseen" ? "" : " again"}`;
  const wasUsable = before.health === "up" || before.health === "unseen";
  const count = wasUsable && thresholds.fall > 1 ? `, ${thresholds.fall} of ${thresholds.fall}` : "";
  return `${member.name} is ${health === "drain" ? "draining" : "down"} (${verdict.reason}${count})`;
}

/** What a decision is told with. */
export interface DecisionView {
  readonly published: Published;
  readonly servers: number;
  /** Why the choice must move is told already: the news is about a published server itself. */
  readonly reasonIsKnown: boolean;
  /** What keeps the decision from being carried out now. */
  readonly obstacle: "store" | "follower" | "dry-run" | undefined;
}

/** What follows from a decision, in words. */
export interface Conclusion {
  /** Two conclusions with the same subject need not be told twice. */
  readonly subject: string;
  readonly words: string;
  /** A person should look at it. */
  readonly isTrouble: boolean;
}

/** A decision in one clause; undefined when there is nothing to say yet. */
export function conclude(decision: Decision, view: DecisionView): Conclusion | undefined {
  switch (decision.action) {
    case "wait":
      return undefined;
    case "keep":
      return plain(stays(publishedNames(view.published)));
    case "publish": {
      const subject = publishWords(listOf(decision.target, decision.servers).join(", "), view);
      const words = view.reasonIsKnown ? subject : `${subject} (${decision.because})`;
      return { subject, words, isTrouble: false };
    }
    case "remove":
      return { ...plain(`${noneUp(view)}: ${removeWords(view)}`), isTrouble: true };
    case "leave":
      return { ...plain(leaveWords(decision.because, view)), isTrouble: true };
  }
}

/** Said when what is published is right. */
export function stays(names: readonly string[]): string {
  return `${names.join(", ")} ${names.length > 1 ? "stay" : "stays"} published`;
}

/** The names of a choice, the first one first. */
export function listOf(first: Target, servers: readonly Target[]): readonly string[] {
  const name = targetName(first);
  return [name, ...servers.map(targetName).filter((other) => other !== name)];
}

function plain(words: string): Conclusion {
  return { subject: words, words, isTrouble: false };
}

function publishWords(names: string, { obstacle }: DecisionView): string {
  switch (obstacle) {
    case "store":
      return `${names} will be published when the store answers`;
    case "follower":
      return `${names} is for the leader to publish`;
    case "dry-run":
      return `would publish ${names}`;
    case undefined:
      return `publishing ${names}`;
  }
}

function removeWords({ obstacle }: DecisionView): string {
  switch (obstacle) {
    case "store":
      return "the entry will be removed when the store answers";
    case "follower":
      return "the entry is for the leader to remove";
    case "dry-run":
      return "would remove the entry";
    case undefined:
      return "removing the entry";
  }
}

function leaveWords(because: (Decision & { action: "leave" })["because"], view: DecisionView): string {
  const names = publishedNames(view.published).join(", ");
  const again = `${names} is published again by somebody else`;
  if (because === "foreign-again") return `${again} though it is not among the servers here; it is left alone`;
  if (because === "failed-again") return `${again} though it is not up from here; it is left alone for a while`;
  const who = noneUp(view);
  if (names !== "") return `${who}: the entry is left alone (${names})`;
  return view.published.state === "absent" ? nothingIsPublished(view.servers) : `${who}: the entry is left alone`;
}

/** Said when no server is up and there is no entry. */
export function nothingIsPublished(servers: number): string {
  return `${noneUp({ servers })}: nothing is published`;
}

function noneUp({ servers }: Pick<DecisionView, "servers">): string {
  return servers === 1 ? "the only server is not up" : `none of the ${servers} servers is up`;
}
