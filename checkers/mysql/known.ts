import type { Clock } from "../../src/core/clock.ts";
import { type Target, targetName } from "../../src/core/targets.ts";

/** The replicas that were ever found, and are not yet forgotten. */
export interface KnownReplicas {
  /** The master listed these at this moment. One with the server id of another name takes that name's place. */
  listed(found: readonly FoundReplica[]): void;
  /** A probe found it healthy. */
  healthy(name: string): void;
  /** Takes one in that nobody listed, from the store. */
  assume(target: Target): void;
  /** Forgets those that were neither listed nor healthy for long. To be called when the master was asked. */
  forget(): void;
  /** Whether the master ever listed it. */
  wasListed(name: string): boolean;
  /** Sorted by name: a list that depends on who answered first would move the choice. */
  readonly targets: readonly Target[];
}

/** One that was found. */
export interface FoundReplica {
  readonly target: Target;
  readonly serverId: number | undefined;
}

/** A replica that is being rebooted or repaired comes back under its name; one that moved away is gone after this. */
const FORGET_AFTER_MS = 600_000;

interface Memory {
  readonly target: Target;
  serverId: number | undefined;
  wasListed: boolean;
  /** Listed or healthy. */
  lastGoodMs: number;
}

/** Knows of none at first. */
export function createKnownReplicas(clock: Clock): KnownReplicas {
  const memories = new Map<string, Memory>();

  function note({ target, serverId }: FoundReplica): void {
    const name = targetName(target);
    const memory = memories.get(name);
    const lastGoodMs = clock.monotonicMs();
    if (memory === undefined) memories.set(name, { target, serverId, wasListed: true, lastGoodMs });
    else Object.assign(memory, { serverId: serverId ?? memory.serverId, wasListed: true, lastGoodMs });
  }

  return {
    listed(found) {
      const names = new Set(found.map(({ target }) => targetName(target)));
      const ids = new Set(found.flatMap(({ serverId }) => serverId ?? []));
      for (const [name, { serverId }] of memories) {
        // The same server under its former address.
        if (!names.has(name) && serverId !== undefined && ids.has(serverId)) memories.delete(name);
      }
      for (const one of found) note(one);
    },
    healthy(name) {
      const memory = memories.get(name);
      if (memory !== undefined) memory.lastGoodMs = clock.monotonicMs();
    },
    assume(target) {
      const name = targetName(target);
      if (memories.has(name)) return;
      memories.set(name, { target, serverId: undefined, wasListed: false, lastGoodMs: clock.monotonicMs() });
    },
    forget() {
      const nowMs = clock.monotonicMs();
      for (const [name, { lastGoodMs }] of memories) {
        if (nowMs - lastGoodMs > FORGET_AFTER_MS) memories.delete(name);
      }
    },
    wasListed: (name) => memories.get(name)?.wasListed === true,
    get targets() {
      return [...memories.keys()].sort().flatMap((name) => memories.get(name)?.target ?? []);
    },
  };
}
