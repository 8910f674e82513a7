import type { Clock } from "../../src/core/clock.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { Identity } from "./identity.ts";
import type { Replication } from "./status.ts";

/** What a replica said of itself in one answer. */
export interface ReplicaFacts {
  /** Undefined when it was not asked for. */
  readonly identity: Identity | undefined;
  readonly replications: readonly Replication[];
}

/** One replica on the board. */
export interface BoardEntry {
  readonly target: Target;
  /** The latest that is known; a server that died is still who it was. */
  readonly identity: Identity | undefined;
  /** Of this round: waits for an answer that is on its way. Undefined when it failed. */
  facts(): Promise<ReplicaFacts | undefined>;
  /** When its link to the master was last seen to run, on the monotonic clock. */
  readonly linkSeenMs: number | undefined;
}

/** The latest facts of all replicas of a tag: a chained one is judged by its source's as well. */
export interface FactsBoard {
  /** Announces an answer that is on its way; resolves and rejects as it does. */
  expect(target: Target, answer: Promise<ReplicaFacts>): Promise<ReplicaFacts>;
  get(name: string): BoardEntry | undefined;
  readonly entries: readonly BoardEntry[];
  /** Its link to the master was seen to run. */
  linkRuns(name: string): void;
  drop(name: string): void;
}

interface Memory {
  readonly target: Target;
  identity: Identity | undefined;
  latest: Promise<ReplicaFacts | undefined>;
  linkSeenMs: number | undefined;
}

/** Empty at first. */
export function createFactsBoard(clock: Clock): FactsBoard {
  const memories = new Map<string, Memory>();
  return {
    async expect(target, answer) {
      const name = targetName(target);
      const latest = answer.catch(() => undefined);
      const memory = memories.get(name) ?? { target, identity: undefined, latest, linkSeenMs: undefined };
      memory.latest = latest;
      memories.set(name, memory);
      const facts = await answer;
      memory.identity = facts.identity ?? memory.identity;
      return facts;
    },
    get: (name) => describe(memories.get(name)),
    get entries() {
      return [...memories.values()].flatMap((memory) => describe(memory) ?? []);
    },
    linkRuns(name) {
      const memory = memories.get(name);
      if (memory !== undefined) memory.linkSeenMs = clock.monotonicMs();
    },
    drop: (name) => void memories.delete(name),
  };
}

function describe(memory: Memory | undefined): BoardEntry | undefined {
  if (memory === undefined) return undefined;
  const { target, identity, linkSeenMs, latest } = memory;
  return { target, identity, linkSeenMs, facts: () => latest };
}
