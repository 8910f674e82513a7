import { best, type Found, isReady, pick, stays } from "./choosing.ts";
import type { Candidate, Choice, View } from "./policy.ts";
import { targetName } from "./targets.ts";

/** The one server to publish: see `decide`, which puts the rest of the policy around it. */
export function chooseOne(view: View): Choice {
  const { candidates, current } = view;
  if (current === undefined || !stays(current)) {
    return toChoice(pick(candidates, current !== undefined), whyPublish(view));
  }
  return leaveLastResort(candidates, current) ?? keep(view, current);
}

/** A server that can serve again takes over from the last resort, once it has been healthy for `rise`. */
function leaveLastResort(candidates: readonly Candidate[], current: Candidate): Choice | undefined {
  if (current.target.lastResort !== true) return undefined;
  const proven = candidates.filter(({ target, health, proven }) => !target.lastResort && health === "up" && proven);
  const ready = best(proven.filter(isReady));
  if (ready === undefined) return proven.some(({ asking }) => asking) ? { action: "wait" } : undefined;
  return toChoice(ready, `it is healthy again, and ${targetName(current.target)} is the last resort`);
}

/** A list that `--publish all` left behind is cut down to its first choice. */
function keep({ names }: View, current: Candidate): Choice {
  if (names.length > 1 && isReady(current)) return toChoice(current, "only one is to be published");
  return { action: "keep", target: current.target };
}

function toChoice(found: Found, because: string): Choice {
  if (found === "wait") return { action: "wait" };
  if (found === undefined) return { action: "none" };
  return { action: "publish", target: found.target, servers: [found.target], because };
}

function whyPublish({ published, current, names }: View): string {
  if (published.state === "absent") return "nothing is published";
  if (published.state === "malformed") return `the published value is no entry: ${published.problem}`;
  if (current === undefined) return `${names[0]} is published but is not among the servers`;
  return current.health === "drain" ? `${names[0]} is draining` : `${names[0]} is down`;
}
