import type { Clock } from "../core/clock.ts";
import { formatMs } from "../lib/duration.ts";

/** Remembers since when the published server may be about to fail: what a failover took is counted from there. */
export interface Doubt {
  raise(name: string): void;
  /** It answered well. */
  dispel(name: string): void;
  /** `, 7 ms after the first doubt` if `name` was in doubt, else nothing; it is forgotten with that. */
  settle(name: string | undefined): string;
}

/** About nobody at first. */
export function createDoubt(clock: Clock): Doubt {
  let doubt: { readonly name: string; readonly sinceMs: number } | undefined;
  return {
    raise(name) {
      if (doubt?.name !== name) doubt = { name, sinceMs: clock.monotonicMs() };
    },
    dispel(name) {
      if (doubt?.name === name) doubt = undefined;
    },
    settle(name) {
      const isAboutIt = doubt !== undefined && doubt.name === name;
      const words = isAboutIt ? `, ${formatMs(clock.monotonicMs() - (doubt?.sinceMs ?? 0))} after the first doubt` : "";
      doubt = undefined;
      return words;
    },
  };
}
