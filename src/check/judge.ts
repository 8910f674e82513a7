import { decide } from "../core/decide.ts";
import type { Candidate, Decision, Rules } from "../core/policy.ts";
import { choiceOf, type Published, publishedChoice, publishedNames } from "../core/published.ts";
import { targetName } from "../core/targets.ts";
import { createDisputes } from "./disputes.ts";

/** The policy with what has to be remembered from one decision to the next. */
export interface Judge {
  decide(candidates: readonly Candidate[], published: Published, nowMs: number): Decision;
  /** We replaced it. */
  replaced(before: Published): void;
  /** We published these, the first choice first. */
  chosen(names: readonly string[]): void;
}

/** Remembers nothing at first. `timeoutMs` is for how long the published server's one more answer is waited for. */
export function createJudge(rules: Rules & { readonly timeoutMs: number }): Judge {
  const disputes = createDisputes();
  /** Since when nothing but an answer is missing. */
  let waitingSinceMs: number | undefined;

  function isContested(candidates: readonly Candidate[], published: Published, nowMs: number): boolean {
    const choice = publishedChoice(published);
    if (choice === undefined) return false;
    const [first] = publishedNames(published);
    const isOurs = candidates.some(({ target }) => targetName(target) === first);
    return disputes.isContested(choice, isOurs, nowMs);
  }

  return {
    decide(candidates, published, nowMs) {
      const contested = isContested(candidates, published, nowMs);
      const patient = waitingSinceMs === undefined || nowMs - waitingSinceMs <= rules.timeoutMs;
      const decision = decide(candidates, published, { contested, patient, rules });
      waitingSinceMs = decision.action === "wait" ? (waitingSinceMs ?? nowMs) : undefined;
      const choice = publishedChoice(published);
      if (decision.action === "keep" && choice !== undefined) disputes.agreed(choice);
      return decision;
    },
    replaced(before) {
      const choice = publishedChoice(before);
      if (choice !== undefined) disputes.replaced(choice);
    },
    chosen: (names) => disputes.agreed(choiceOf(names)),
  };
}
