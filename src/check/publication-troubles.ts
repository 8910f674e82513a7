import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Published } from "../core/published.ts";
import type { Store } from "../core/store.ts";
import { createTrouble, type Trouble } from "./trouble.ts";

/** Whose troubles they are. */
interface Subject {
  readonly store: Store;
  readonly key: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Begins each log line: `memcached mem11211`. */
  readonly who: string;
}

/** Warns of a value that is no entry, once for each problem. */
export function createMalformedTeller({ logger, who, key }: Subject): (published: Published) => void {
  let told: string | undefined;
  return (published) => {
    const problem = published.state === "malformed" ? published.problem : undefined;
    if (problem !== undefined && problem !== told) {
      logger.warn(`${who}: ${key} holds no entry (${problem}); it is replaced when a server is up`, { key });
    }
    told = problem;
  };
}

/** For reading and for writing one entry: what is said when the store fails and when it works again. */
export function createTroubles({ store, key, logger, clock, who }: Subject): {
  readonly reading: Trouble;
  readonly writingTrouble: Trouble;
} {
  return {
    reading: createTrouble(
      {
        begins: `${who}: cannot read ${key} from ${store.name}`,
        meanwhile: "probing goes on, and what has to be written is written when the store answers",
        ends: `${who}: ${store.name} answers again`,
      },
      logger,
      clock,
    ),
    writingTrouble: createTrouble(
      {
        begins: `${who}: cannot write ${key} to ${store.name}`,
        meanwhile: "it is tried again as long as it is needed",
        ends: `${who}: ${store.name} takes writes again`,
      },
      logger,
      clock,
    ),
  };
}
