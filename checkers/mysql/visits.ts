import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { Asked } from "./finder.ts";
import { parseIdentity } from "./identity.ts";
import { createLister, type Lister, type Listing } from "./listing.ts";
import type { ReadLogin } from "./login.ts";
import { createSession, type Session } from "./session.ts";

/** Replicas that are asked for their own replicas, on connections beside the probes', so that neither waits for the other. */
export interface Visits {
  /** Rejects as a session does. */
  ask(target: Target, call: Call): Promise<Asked & { readonly listing: Listing }>;
  /** Lets go of all others. */
  keepOnly(targets: readonly Target[]): void;
  close(): void;
}

interface Visit {
  readonly session: Session;
  readonly lister: Lister;
}

/** Connects nothing yet. */
export function createVisits(login: ReadLogin, clock: Clock): Visits {
  const visits = new Map<string, Visit>();

  function begin(target: Target): Visit {
    const session = createSession({ target, login });
    const visit = { session, lister: createLister(session, clock) };
    visits.set(targetName(target), visit);
    return visit;
  }

  function keepOnly(targets: readonly Target[]): void {
    const names = new Set(targets.map(targetName));
    for (const [name, { session }] of visits) {
      if (names.has(name)) continue;
      session.close();
      visits.delete(name);
    }
  }

  return {
    async ask(target, { signal }) {
      const { session, lister } = visits.get(targetName(target)) ?? begin(target);
      const identity = parseIdentity(await session.query((dialect) => dialect.selectIdentity, signal));
      return { target, identity, listing: await lister.list(signal) };
    },
    keepOnly,
    close: () => keepOnly([]),
  };
}
