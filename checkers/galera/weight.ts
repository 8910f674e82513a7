import type { NodeFacts } from "./node.ts";

/** What a node's weight follows. */
export type WeightRule = "none" | "flow-control" | "queue";

/** Turns what a node says into percent of its weight; remembers what it said before. */
export type Weigh = (facts: NodeFacts, nowMs: number) => number | undefined;

/** A node that may be used keeps at least this much. */
const LEAST_PERCENT = 1;

/** A weight moves by at least this much, or to one of the ends: HAProxy need not hear of each write-set. */
const STEP_PERCENT = 10;

/** What is looked at, ms: a single busy second is smoothed. */
const WINDOW_MS = 10_000;

/** What a node said, and when. */
interface Sample {
  readonly facts: NodeFacts;
  readonly atMs: number;
}

/** Percent, from the samples of the window, the oldest first; undefined: it is too early. */
type Measure = (samples: readonly [Sample, ...Sample[]]) => number | undefined;

/** A measure for each node: they remember. Undefined as long as there is nothing to say, and for `none` always. */
export function createWeigh(rule: WeightRule): Weigh {
  if (rule === "none") return () => undefined;
  const measure = rule === "queue" ? measureQueue : createBrakeMeasure();
  let samples: readonly Sample[] = [];
  let said: number | undefined;
  return (facts, nowMs) => {
    const latest = { facts, atMs: nowMs };
    const earlier = samples.filter((sample) => nowMs - sample.atMs <= WINDOW_MS && isBefore(sample, latest));
    const [first = latest, ...rest] = earlier.concat(latest);
    samples = [first, ...rest];
    const measured = measure([first, ...rest]);
    if (measured !== undefined) said = steady(said, Math.min(100, Math.max(LEAST_PERCENT, Math.round(measured))));
    return said;
  };
}

/** 100 less one for each write-set that waits, on average. */
function measureQueue(samples: readonly [Sample, ...Sample[]]): number {
  const sum = samples.reduce((total, { facts }) => total + facts.receiveQueue, 0);
  return 100 - sum / samples.length;
}

/**
 * 100 less the percent of the time for which the cluster was held up on behalf of this node. The time itself is the same
 * on each node: its share in it is that of its requests among all of them.
 */
function createBrakeMeasure(): Measure {
  let share = 0;
  return ([first, ...rest]) => {
    const last = rest.at(-1);
    if (last === undefined || last.atMs <= first.atMs) return undefined;
    const requests = last.facts.pausesReceived - first.facts.pausesReceived;
    // A pause that began before, and goes on: it is still theirs who asked for it.
    if (requests > 0) share = Math.min(1, (last.facts.pausesSent - first.facts.pausesSent) / requests);
    const pausedMs = (last.facts.pausedNs - first.facts.pausedNs) / 1e6;
    return 100 - (pausedMs / (last.atMs - first.atMs)) * share * 100;
  };
}

function steady(said: number | undefined, percent: number): number {
  if (said === undefined || percent === 100 || percent === LEAST_PERCENT) return percent;
  return Math.abs(percent - said) >= STEP_PERCENT ? percent : said;
}

/** Counters begin anew with the server, and with FLUSH STATUS. */
function isBefore({ facts }: Sample, { facts: later }: Sample): boolean {
  return facts.pausedNs <= later.pausedNs && facts.pausesReceived <= later.pausesReceived;
}
