import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Rules } from "../core/policy.ts";
import type { Lock, Store } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";
import { createTrouble } from "./trouble.ts";

/** Whoever may change a key at this moment. */
export type Writer = Pick<Lock, "put" | "delete">;

/** Whether this process may write its key. */
export interface Leadership {
  /** Undefined: another checker may, or nobody knows. */
  readonly writer: Writer | undefined;
  /** Undefined where everybody may write, by check-and-set: without {@link isHeldUnderLock}. */
  readonly leads: boolean | undefined;
  /** Competes until the signal aborts, then hands over. Rejects only for a bug. */
  run(): Promise<void>;
}

/** What is competed for, and who is told. */
export interface LeadershipContext {
  readonly store: Store;
  readonly key: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Begins each log line. */
  readonly who: string;
  /** This process became the leader, or is not any more. */
  onChange(): void;
}

/** Whether the entry is held under the store's lock: with `--ha`, and a writer wherever there are locks. */
export function isHeldUnderLock(
  { ha, publish }: { readonly ha: boolean; readonly publish: Rules["publish"] },
  store: Pick<Store, "lock"> | undefined,
): boolean {
  return ha || (publish === "writer" && store?.lock !== undefined);
}

/** Without a lock: every checker may write, by check-and-set. */
export function everybodyWrites(store: Store): Leadership {
  return { writer: store, leads: undefined, run: () => Promise.resolve() };
}

/** The longest that handing over may hold up the end of this process. */
const RELEASE_TIMEOUT_MS = 1_000;

/** Endless, and short: while it rests nobody may be leading. */
const RETRY = { firstMs: 50, maxMs: 2_000 };

/** How long an election takes at the most that nobody else has won: after it, it is said that another one leads. */
const STANDBY_AFTER_MS = 1_000;

/** With a lock: whoever holds the store's lock on the key. Throws E_USAGE for a store that has no locks. */
export function createLeadership(context: LeadershipContext): Leadership {
  const { store, key, clock, logger, signal, who } = context;
  if (store.lock === undefined) {
    throw new AppError("E_USAGE", `--ha needs a store with locks, which ${store.name} has not`, {
      hint: "use Consul, or leave --ha out: writes are check-and-set without it too",
    });
  }
  const lockKey = store.lock.bind(store);
  const backoff = createBackoff(RETRY);
  const trouble = createTrouble(
    {
      begins: `${who}: cannot get the lock on ${key}`,
      meanwhile: "probing goes on, and it is tried again",
      ends: `${who}: the lock on ${key} can be asked for again`,
    },
    logger,
    clock,
  );
  let lock: Lock | undefined;

  async function compete(): Promise<void> {
    const patience = new AbortController();
    void tellStandby(patience.signal);
    try {
      lock = await lockKey(key, { signal });
    } finally {
      patience.abort();
    }
    backoff.reset();
    trouble.over();
    logger.info(`${who}: leads now`, { key });
    context.onChange();
    const reason = await lostOrStopped(lock, signal);
    if (reason === undefined) return;
    lock = undefined;
    logger.warn(`${who}: does not lead any more (${reason})`, { key });
    context.onChange();
  }

  async function tellStandby(gone: AbortSignal): Promise<void> {
    try {
      await clock.sleep(STANDBY_AFTER_MS, gone);
      logger.info(`${who}: another checker leads; standing by`, { key });
    } catch (error) {
      if (!gone.aborted) throw error;
    }
  }

  async function handOver(): Promise<void> {
    const held = lock;
    lock = undefined;
    const release = { signal: new AbortController().signal, timeoutMs: RELEASE_TIMEOUT_MS };
    await held?.release(release).catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
      logger.warn(`${who}: could not hand over; the lock ends with its session`, { err: error.code });
    });
  }

  return {
    get writer() {
      return lock;
    },
    get leads() {
      return lock !== undefined;
    },
    async run() {
      while (!signal.aborted) {
        try {
          await compete();
        } catch (error) {
          if (signal.aborted) break;
          trouble.met(error);
          await clock.sleep(backoff.next(), signal).catch(() => {});
        }
      }
      await handOver();
    },
  };
}

/** Undefined: stopped. */
function lostOrStopped(lock: Lock, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onAbort = () => resolve(undefined);
    if (signal.aborted) {
      resolve(undefined);
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    void lock.lost.then((reason) => {
      signal.removeEventListener("abort", onAbort);
      resolve(reason);
    });
  });
}
