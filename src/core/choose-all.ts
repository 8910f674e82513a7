import { best, compareRanks, isHopeful, isReady, pick, stays } from "./choosing.ts";
import type { Candidate, Choice, View } from "./policy.ts";
import { choiceOf } from "./published.ts";
import { targetName } from "./targets.ts";

/**
 * All servers to publish: see `decide`, which puts the rest of the policy around it. Who is published stays until it
 * has failed; who is not joins when it is ready. With fewer than `minServers` those that work worse than was asked
 * for fill up; with none at all the last resort serves alone.
 */
export function chooseAll(view: View, minServers: number): Choice {
  const regular = view.candidates.filter(({ target }) => target.lastResort !== true);
  const newcomers = regular.filter((one) => !isNamed(view, one));
  // All at once at the start, instead of one write for each answer.
  if (view.names.length === 0 && newcomers.some(isHopeful)) return { action: "wait" };
  const healthy = regular.filter((one) => (isNamed(view, one) ? stays(one) : joins(view, one)));
  const chosen = fillUp(healthy, { view, regular, minServers });
  if (chosen.length === 0) return serveAlone(view, regular);
  const choice = toChoice(view, chosen);
  // Healthy, but by an answer that is too old: it is asked once more, and joins then.
  const isPending = newcomers.some((one) => one.health === "up" && one.asking);
  return choice.action === "keep" && isPending ? { action: "wait" } : choice;
}

function isNamed({ names }: View, { target }: Candidate): boolean {
  return names.includes(targetName(target));
}

/** After a last resort only who has been healthy for `rise` is trusted. */
function joins(view: View, one: Candidate): boolean {
  return isReady(one) && (one.proven || view.current?.target.lastResort !== true);
}

interface Filling {
  readonly view: View;
  readonly regular: readonly Candidate[];
  readonly minServers: number;
}

/** Those already published come first, whatever their rank: which of two lags more changes each second. */
function fillUp(healthy: readonly Candidate[], { view, regular, minServers }: Filling): readonly Candidate[] {
  const missing = minServers - healthy.length;
  if (missing <= 0) return healthy;
  const makeshifts = regular
    .filter((one) => one.makeshift !== undefined && !healthy.includes(one))
    .sort((a, b) => Number(isNamed(view, b)) - Number(isNamed(view, a)) || compareRanks(a.makeshift, b.makeshift))
    .slice(0, missing);
  return regular.filter((one) => healthy.includes(one) || makeshifts.includes(one));
}

function serveAlone(view: View, regular: readonly Candidate[]): Choice {
  if (regular.some(isHopeful)) return { action: "wait" };
  const lastResorts = view.candidates.filter(({ target }) => target.lastResort === true);
  const found =
    lastResorts.find((one) => isNamed(view, one) && stays(one)) ?? pick(lastResorts, view.current !== undefined);
  if (found === "wait") return { action: "wait" };
  return found === undefined ? { action: "none" } : toChoice(view, [found]);
}

function toChoice(view: View, chosen: readonly Candidate[]): Choice {
  const { names } = view;
  const first = firstOf(view, chosen);
  if (first === undefined) return { action: "none" };
  const others = chosen.filter((one) => one !== first);
  const wanted = [first, ...others].map(({ target }) => targetName(target));
  if (names.length > 0 && choiceOf(wanted) === choiceOf(names)) return { action: "keep", target: first.target };
  const servers = chosen.map(({ target }) => target);
  return { action: "publish", target: first.target, servers, because: whatChanges(view, wanted) };
}

/** Sticky as well, but a healthy one comes before one that only fills up. */
function firstOf({ current }: View, chosen: readonly Candidate[]): Candidate | undefined {
  const usable = chosen.filter(stays);
  const among = usable.length > 0 ? usable : chosen;
  return current !== undefined && among.includes(current) ? current : best(among);
}

function whatChanges({ published, names }: View, wanted: readonly string[]): string {
  if (published.state === "absent") return "nothing is published";
  if (published.state === "malformed") return `the published value is no entry: ${published.problem}`;
  const gone = names.filter((name) => !wanted.includes(name));
  const come = wanted.filter((name) => !names.includes(name));
  const parts = [
    ...(gone.length > 0 ? [`without ${gone.join(", ")}`] : []),
    ...(come.length > 0 ? [`${come.join(", ")} joins`] : []),
  ];
  return parts.join("; ") || `${wanted[0]} comes first`;
}
