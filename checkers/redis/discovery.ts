import type { DiscoverCall } from "../../src/core/checker.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { plainName } from "./address.ts";
import type { Council } from "./council.ts";

/** The servers to be asked; the same array again means the same servers. */
export type Discover = (call: DiscoverCall) => Promise<readonly Target[]>;

/**
 * Those the user has named, in that order, and after them those the Sentinels tell of. While no Sentinel has ever
 * answered, what is published stands in for them: nothing may be decided about an entry whose server nobody asks.
 */
export function createDiscover(named: readonly Target[], council: Council | undefined): Discover {
  if (council === undefined) return async () => named;
  let last: readonly Target[] = [];
  return async (call) => {
    const ruling = await council.ask(call);
    const found = [...named, ...council.servers()];
    if (found.length === 0 && call.published !== undefined) found.push(call.published);
    if (found.length === 0) throw new Error(ruling.agreed ? "the Sentinels tell of no server" : ruling.reason);
    const next = eachOnce(found);
    if (next.map(targetName).join() !== last.map(targetName).join()) last = next;
    return last;
  };
}

/** By name; the first spelling stays. */
function eachOnce(targets: readonly Target[]): readonly Target[] {
  const byName = new Map<string, Target>();
  for (const target of targets) {
    const name = plainName(target);
    if (!byName.has(name)) byName.set(name, target);
  }
  return [...byName.values()];
}
