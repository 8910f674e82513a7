import type { Damped, Thresholds } from "../core/damper.ts";
import { type Decision, type Published, publishedName } from "../core/decide.ts";
import { targetName } from "../core/targets.ts";
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
  /** Why the choice must move is told already: the news is about the published server itself. */
  readonly reasonIsKnown: boolean;
  /** False: the store does not answer, so the decision has to wait. */
  readonly readable: boolean;
  readonly dryRun: boolean;
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
      return plain(stays(targetName(decision.target)));
    case "publish": {
      const subject = publishWords(targetName(decision.target), view);
      const words = view.reasonIsKnown ? subject : `${subject} (${decision.because})`;
      return { subject, words, isTrouble: false };
    }
    case "leave":
      return { ...plain(leaveWords(decision.because, view)), isTrouble: true };
  }
}

/** Said when the published server is a good one. */
export function stays(name: string): string {
  return `${name} stays published`;
}

function plain(words: string): Conclusion {
  return { subject: words, words, isTrouble: false };
}

function publishWords(name: string, view: DecisionView): string {
  if (!view.readable) return `${name} will be published when the store answers`;
  return `${view.dryRun ? "would publish" : "publishing"} ${name}`;
}

function leaveWords(because: (Decision & { action: "leave" })["because"], view: DecisionView): string {
  const published = publishedName(view.published);
  const again = `${published} is published again by somebody else`;
  if (because === "foreign-again") return `${again} though it is not among the servers here; it is left alone`;
  if (because === "failed-again") return `${again} though it is not up from here; it is left alone for a while`;
  const who = view.servers === 1 ? "the only server is not up" : `none of the ${view.servers} servers is up`;
  if (published !== undefined) return `${who}: the entry is left alone (${published})`;
  return view.published.state === "absent" ? `${who}: nothing is published` : `${who}: the entry is left alone`;
}
