import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Target } from "../../src/core/targets.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import { type Identity, parseIdentity } from "./identity.ts";
import { createLife, type Life } from "./life.ts";
import { createLister, type Listing } from "./listing.ts";
import type { ReadLogin } from "./login.ts";
import { isAnswered, isUnreachable } from "./server-error.ts";
import { createSession } from "./session.ts";

/** The server whose replicas are watched. It may be dead: that is when it matters what was known of it. */
export interface Master {
  readonly target: Target;
  /** By its own word; undefined as long as it never answered. */
  readonly identity: Identity | undefined;
  readonly life: Life;
  /** Asks who it is, on a kept connection. Rejects as a session does. */
  introduce(call: Call): Promise<Identity>;
  /** Who replicates from it, on the same connection. */
  list(call: Call): Promise<Listing>;
  /** Finds out at this moment whether it lives; what comes of it is in `life`. Never rejects. */
  look(call: Call): Promise<void>;
  close(): void;
}

/** A master that hangs must not use up the time of the probe that wants to know. */
const SHARE_OF_TIMEOUT = 3;
const DEFAULT_TIMEOUT_MS = 500;

/** One look is for all replicas that are cut off at the same moment. */
const LOOK_COUNTS_MS = 100;

/** Connects nothing yet. */
export function createMaster(target: Target, login: ReadLogin, clock: Clock): Master {
  const life = createLife(clock);
  const session = createSession({ target, login, onLost: () => life.missed() });
  const lister = createLister(session, clock);
  let identity: Identity | undefined;
  let looking: Promise<void> | undefined;
  let lookedMs = Number.NEGATIVE_INFINITY;

  async function heard<T>(answer: Promise<T>): Promise<T> {
    try {
      const value = await answer;
      life.seen();
      return value;
    } catch (error) {
      if (isAnswered(error)) life.seen();
      if (isUnreachable(error)) life.missed();
      throw error;
    }
  }

  /** On a connection of its own: the kept one may be in use, or hang. */
  async function look({ signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Call): Promise<void> {
    const visit = createSession({ target, login });
    try {
      await heard(
        withDeadline("a look at the master", timeoutMs / SHARE_OF_TIMEOUT, signal, (inner) => visit.ping(inner)),
      );
    } catch {
      // What came of it is in `life`.
    } finally {
      visit.close();
    }
  }

  return {
    target,
    get identity() {
      return identity;
    },
    life,
    async introduce({ signal }) {
      identity = parseIdentity(await heard(session.query((dialect) => dialect.selectIdentity, signal)));
      return identity;
    },
    list: ({ signal }) => heard(lister.list(signal)),
    look(call) {
      if (clock.monotonicMs() - lookedMs < LOOK_COUNTS_MS) return Promise.resolve();
      looking ??= look(call).finally(() => {
        looking = undefined;
        lookedMs = clock.monotonicMs();
      });
      return looking;
    },
    close: () => session.close(),
  };
}
