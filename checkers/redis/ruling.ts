import { type Target, targetName } from "../../src/core/targets.ts";
import { plainName } from "./address.ts";

/** What one Sentinel says: which server is the master, or that it watches no master of that name. */
export type Vote = Target | "stranger";

/** What the Sentinels say together. */
export type Ruling =
  | { readonly agreed: true; readonly master: Target; readonly votes: number; readonly of: number }
  /** There is no majority for anybody, and why. */
  | { readonly agreed: false; readonly reason: string };

/**
 * A master is who more than half of *all* Sentinels name, those that do not answer among them: two sides of a cut
 * can never both have that.
 */
export function rule(votes: readonly Vote[], sentinels: number): Ruling {
  const tally = count(votes);
  const [first] = tally;
  if (first !== undefined && isMajority(first.votes, sentinels)) return { agreed: true, ...first, of: sentinels };
  return { agreed: false, reason: whyNot(votes, tally, sentinels) };
}

/** Whether nothing that is still to come can change the ruling. */
export function isMajority(votes: number, sentinels: number): boolean {
  return votes > sentinels / 2;
}

interface Count {
  readonly master: Target;
  readonly votes: number;
}

/** The most named one first. */
function count(votes: readonly Vote[]): readonly Count[] {
  const byName = new Map<string, Count>();
  for (const vote of votes) {
    if (vote === "stranger") continue;
    const known = byName.get(plainName(vote));
    byName.set(plainName(vote), { master: known?.master ?? vote, votes: (known?.votes ?? 0) + 1 });
  }
  return [...byName.values()].sort((a, b) => b.votes - a.votes);
}

function whyNot(votes: readonly Vote[], tally: readonly Count[], sentinels: number): string {
  if (!isMajority(votes.length, sentinels)) return tooFew(votes.length, sentinels);
  const strangers = votes.filter((vote) => vote === "stranger").length;
  if (strangers === votes.length) return "the Sentinels know no master of that name";
  const parts = tally.map((one) => `${one.votes} of ${sentinels} name ${targetName(one.master)}`);
  if (strangers > 0) parts.push(`${strangers} of ${sentinels} know no master of that name`);
  return `the Sentinels do not agree: ${parts.join(", ")}`;
}

function tooFew(votes: number, sentinels: number): string {
  if (sentinels === 1) return "the only Sentinel does not answer";
  if (votes === 0) return `none of the ${sentinels} Sentinels answers`;
  return `only ${votes} of ${sentinels} Sentinels ${votes === 1 ? "answers" : "answer"}`;
}
