import { chooseAll } from "./choose-all.ts";
import { chooseOne } from "./choose-one.ts";
import type { Candidate, Decision, Rules, Situation, View } from "./policy.ts";
import { type Published, publishedNames } from "./published.ts";
import { targetName } from "./targets.ts";

/**
 * The policy: sticky, and the best healthy target, in the given order where none is better.
 *
 * - A published target that has not failed is never replaced, whoever published it, but for a last resort: the
 *   first other target that has been healthy for `rise` takes over from it.
 * - Only a target that has just been seen healthy is published, and not while another answer of it is on its way.
 * - Nobody healthy: a last resort that is; without one the entry is left alone or removed, as the rules say.
 * - A published server that is not among the targets is nobody we can vouch for: it is replaced.
 * - What is contested is left alone, so that two checkers cannot fight.
 * - While the published server is down each moment counts: the best of those just seen healthy is taken.
 *   Otherwise a target that is being asked and may be the better one is waited for.
 * - A published server that failed and is being asked again may be back: with all the others, if what failed was
 *   the way from here to them. So its answer is waited for, with patience.
 */
export function decide(candidates: readonly Candidate[], published: Published, situation: Situation): Decision {
  const { rules, contested, patient } = situation;
  const view = viewOf(candidates, published);
  const choice = rules.publish === "all" ? chooseAll(view, rules.minServers) : chooseOne(view);
  if (choice.action === "keep") return choice;
  if (contested) return { action: "leave", because: view.current === undefined ? "foreign-again" : "failed-again" };
  if (choice.action === "wait") return choice;
  if (patient && isBackPerhaps(view)) return { action: "wait" };
  return choice.action === "publish" ? choice : withNobodyUp(view, rules);
}

function viewOf(candidates: readonly Candidate[], published: Published): View {
  const names = publishedNames(published);
  const [first] = names;
  const current = first === undefined ? undefined : candidates.find(({ target }) => targetName(target) === first);
  return { candidates, published, names, current };
}

function isBackPerhaps({ candidates, names }: View): boolean {
  return candidates.some(
    ({ target, health, asking }) =>
      asking && (health === "down" || health === "drain") && names.includes(targetName(target)),
  );
}

/** An entry is removed only when each server is known to have failed: not knowing, and a first good sign, change nothing. */
function withNobodyUp({ candidates, published }: View, rules: Rules): Decision {
  const allFailed = candidates.length > 0 && candidates.every(hasFailed);
  const removes = rules.fallback === "remove" && published.state !== "absent" && allFailed;
  return removes ? { action: "remove" } : { action: "leave", because: "none-up" };
}

function hasFailed({ health, latest, asking }: Candidate): boolean {
  return (health === "down" || health === "drain") && (latest === "down" || latest === "drain") && !asking;
}
