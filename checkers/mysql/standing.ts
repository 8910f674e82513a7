import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { targetName } from "../../src/core/targets.ts";
import type { BoardEntry, FactsBoard, ReplicaFacts } from "./facts.ts";
import { addLag, down, isCutOff, judgeLink, type Standing } from "./judge.ts";
import type { KnownReplicas } from "./known.ts";
import type { Master } from "./master.ts";
import type { Names } from "./names.ts";
import { isSource, sourceWords } from "./source.ts";
import type { Replication } from "./status.ts";

/** What replicas are judged in. */
export interface StandingContext {
  readonly master: Master;
  readonly board: FactsBoard;
  readonly known: KnownReplicas;
  readonly names: Names;
  readonly clock: Clock;
  readonly maxLagMs: number;
  /** A chain of replicas up to the master will do. */
  readonly recurse: boolean;
}

/** How the replica `name` stands to the master by what it said. Rejects only when the signal aborts. */
export function standingOf(name: string, facts: ReplicaFacts, context: StandingContext, call: Call): Promise<Standing> {
  return stand(name, facts, { context, call, visited: new Set([name]) });
}

interface Step {
  readonly context: StandingContext;
  readonly call: Call;
  /** The replicas of the chain so far. */
  readonly visited: ReadonlySet<string>;
}

async function stand(name: string, { replications }: ReplicaFacts, step: Step): Promise<Standing> {
  if (replications.length === 0) return down("is not a replica");
  const links = await Promise.all(replications.map((one) => standOn(name, one, step)));
  const relevant = links.flatMap((link) => (typeof link === "object" ? link : []));
  if (relevant.length > 0) return worst(relevant);
  const { master } = step.context;
  const from = replications.map(({ source }) => sourceWords(source)).join(" and ");
  if (links.includes("unclear")) {
    const reason = `replicates from ${from}; whether that is the master ${targetName(master.target)} cannot be told from here`;
    return { problem: { state: "unknown", reason } };
  }
  return down(`replicates from ${from}, not from the master ${targetName(master.target)}`);
}

/** One of its sources: how it stands by that, or that it leads somewhere else. */
async function standOn(
  name: string,
  replication: Replication,
  step: Step,
): Promise<Standing | "elsewhere" | "unclear"> {
  const { master, known, names } = step.context;
  const server = { ...pick(master), isVouchedFor: known.wasListed(name) };
  const isMaster = await isSource(replication.source, server, names, step.call);
  if (isMaster === true) return standOnMaster(name, replication, step);
  const chained = step.context.recurse ? await standOnReplica(replication, step) : undefined;
  if (chained !== undefined) return chained;
  return isMaster === undefined ? "unclear" : "elsewhere";
}

async function standOnMaster(name: string, replication: Replication, { context, call }: Step): Promise<Standing> {
  const { master, board, clock, maxLagMs } = context;
  if (replication.receiver === "running") board.linkRuns(name);
  else if (isCutOff(replication)) await master.look(call);
  const linkSeenMs = board.get(name)?.linkSeenMs;
  return judgeLink(replication, { maxLagMs, nowMs: clock.monotonicMs(), linkSeenMs, life: master.life });
}

async function standOnReplica(replication: Replication, step: Step): Promise<Standing | undefined> {
  const upstream = await findUpstream(replication, step);
  if (upstream === undefined) return undefined;
  const { context, visited } = step;
  const name = targetName(upstream.target);
  if (visited.has(name)) return down(`its sources form a ring without the master: ${[...visited].join(", ")}`);
  const scene = {
    maxLagMs: context.maxLagMs,
    nowMs: context.clock.monotonicMs(),
    linkSeenMs: undefined,
    life: undefined,
  };
  const own = judgeLink(replication, scene);
  if ("problem" in own) return own;
  const facts = await upstream.facts();
  if (facts === undefined) return down(`its source ${name} does not answer`);
  const above = await stand(name, facts, { ...step, visited: new Set([...visited, name]) });
  if (!("problem" in above)) return addLag(own, above, context.maxLagMs);
  return { problem: { ...above.problem, reason: `its source ${name}: ${above.problem.reason}` } };
}

async function findUpstream({ source }: Replication, { context, call }: Step): Promise<BoardEntry | undefined> {
  const entries = context.board.entries;
  const matches = await Promise.all(
    entries.map((entry) => isSource(source, { ...pick(entry), isVouchedFor: false }, context.names, call)),
  );
  return entries.find((_, at) => matches[at] === true);
}

function pick({ target, identity }: Pick<BoardEntry, "target" | "identity">): Pick<BoardEntry, "target" | "identity"> {
  return { target, identity };
}

function worst(standings: readonly Standing[]): Standing {
  const [first, ...others] = standings;
  if (first === undefined) return down("is not a replica");
  return others.reduce((one, other) => {
    if ("problem" in one) return one;
    return "problem" in other || other.lagSeconds > one.lagSeconds ? other : one;
  }, first);
}
