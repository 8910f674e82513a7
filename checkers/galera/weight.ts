import type { NodeFacts } from "./node.ts";

/** What a node's weight follows. */
export type WeightRule = "none" | "flow-control" | "queue";

/** A node that may be used keeps at least this much. */
const LEAST_PERCENT = 1;

/** A weight moves by at least this much, or not at all: HAProxy need not hear of each write-set. */
const STEP_PERCENT = 10;

/** Turns what a node says into percent of its weight; remembers what it said before. */
export type Weigh = (facts: NodeFacts, nowMs: number) => number | undefined;

/**
 * `queue`: 100 less one for each write-set that waits to be applied. `flow-control`: 100 less the percent of the time
 * since the last question for which flow control held up the cluster. Undefined: the rule is `none`, or it is too early.
 */
export function createWeigh(rule: WeightRule): Weigh {
  let before: { readonly pausedNs: number; readonly atMs: number } | undefined;
  let said: number | undefined;
  const measure = (facts: NodeFacts, nowMs: number): number | undefined => {
    if (rule === "queue") return 100 - facts.receiveQueue;
    const last = before;
    before = { pausedNs: facts.pausedNs, atMs: nowMs };
    // The counter begins anew with the server.
    if (last === undefined || nowMs <= last.atMs || facts.pausedNs < last.pausedNs) return undefined;
    return 100 - ((facts.pausedNs - last.pausedNs) / 1e6 / (nowMs - last.atMs)) * 100;
  };
  return (facts, nowMs) => {
    if (rule === "none") return undefined;
    const measured = measure(facts, nowMs);
    if (measured === undefined) return said;
    const percent = Math.min(100, Math.max(LEAST_PERCENT, Math.round(measured)));
    const isEnd = percent === 100 || percent === LEAST_PERCENT;
    if (said === undefined || isEnd || Math.abs(percent - said) >= STEP_PERCENT) said = percent;
    return said;
  };
}
