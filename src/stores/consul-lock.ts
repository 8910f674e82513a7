import { setMaxListeners } from "node:events";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Lock } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { ConsulClient } from "./consul-client.ts";
import { createHeldLock, type HeldLock } from "./consul-held-lock.ts";
import { freeKey, takeKey } from "./consul-lock-key.ts";
import { createLockRequests } from "./consul-lock-request.ts";
import { createHolderHubs, type LockSeat, takeSeat } from "./consul-lock-seat.ts";
import { createLockSession, type LockSession } from "./consul-lock-session.ts";
import type { ConsulTiming } from "./consul-timing.ts";
import { checkKey } from "./key.ts";

/** All locks of one store object: one session holds them, and one query per folder watches them. */
export interface Locks {
  /** See `Store.lock`. */
  lock(key: string, call: Call): Promise<Lock>;
  /** Ends the session, and with it every lock, and all waiting. Safe to call twice. */
  close(): Promise<void>;
}

/** What locks are made of. */
export interface LockParts {
  readonly client: ConsulClient;
  /** Query words of every request. */
  readonly scope: readonly string[];
  /** Health checks that end the session, besides `serfHealth`. */
  readonly checks: readonly string[];
  readonly timing: ConsulTiming;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** After a lost election: others were quicker, or Consul bars the key for a while after somebody else's session. */
const RETRY = { firstMs: 20, maxMs: 1_000 };

/**
 * Locks on the keys themselves. A key is taken with its value as it is: the transaction checks that nobody wrote it
 * since it was read. Makes no session before the first lock.
 */
export function createLocks(parts: LockParts): Locks {
  const { client, scope, timing, clock, logger } = parts;
  const stop = new AbortController();
  // a listener per key that is looked at: many by design, none left behind
  setMaxListeners(0, stop.signal);
  const requests = createLockRequests(client, scope);
  const hubOf = createHolderHubs(parts);
  const seats = new Map<string, LockSeat>();
  const held = new Map<string, HeldLock>();
  /** Keys that our session may hold; those that nobody here wants any more are given back. */
  const touched = new Set<string>();
  const session: LockSession = createLockSession(
    { ...parts, requests, checks: ["serfHealth", ...parts.checks], behavior: "release", purpose: "locks" },
    { lost, renewed },
  );

  function lost(reason: string, surely: boolean): void {
    if (surely) for (const key of touched) if (!seats.has(key)) touched.delete(key);
    for (const lock of [...held.values()]) lock.lose(reason);
  }

  function renewed(): void {
    for (const lock of held.values()) lock.recheck();
    for (const key of touched) if (!seats.has(key)) void giveBack(key);
  }

  /** Waits for its turn and takes the key, as often as it needs. */
  async function compete(key: string, seat: LockSeat, call: Call): Promise<{ id: string; grip: "held" | "nothing" }> {
    const bounded = { signal: call.signal, timeoutMs: call.timeoutMs ?? timing.requestMs };
    const backoff = createBackoff(RETRY);
    for (;;) {
      await session.ensure(call);
      const found = await seat.untilFree(() => session.id, call.signal);
      const id = await session.ensure(call);
      if (found === "absent") return { id, grip: "nothing" };
      const outcome = await takeKey(requests, { key, id }, bounded);
      if (outcome === "taken") return { id, grip: "held" };
      if (outcome === "session gone") session.gone(id);
      await clock.sleep(backoff.next(), call.signal);
    }
  }

  async function giveBack(key: string): Promise<void> {
    const { id } = session;
    try {
      if (id !== undefined) await freeKey(requests, { key, id }, { signal: stop.signal, timeoutMs: timing.requestMs });
      if (!seats.has(key)) touched.delete(key);
    } catch (error) {
      // Tried again after the next renewal.
      if (!(error instanceof AppError)) throw error;
      logger.debug("a lock could not be given back yet", { key, err: error.code });
    }
  }

  function leave(key: string): void {
    seats.get(key)?.leave();
    seats.delete(key);
    held.delete(key);
  }

  function hold(key: string, id: string, grip: "held" | "nothing"): HeldLock {
    const lock = createHeldLock(
      {
        key,
        id,
        requests,
        signal: stop.signal,
        requestMs: timing.requestMs,
        sessionGone: () => session.gone(id),
        async unlock(call) {
          await freeKey(requests, { key, id }, call);
          touched.delete(key);
        },
        left: () => leave(key),
      },
      grip,
    );
    held.set(key, lock);
    return lock;
  }

  return {
    async lock(key, call) {
      checkKey(key);
      call.signal.throwIfAborted();
      if (stop.signal.aborted) throw stop.signal.reason;
      if (seats.has(key)) throw new AppError("E_INTERNAL", `the lock on ${key} is asked for twice by this process`);
      const seat = takeSeat(hubOf(key), key);
      seats.set(key, seat);
      touched.add(key);
      try {
        const { id, grip } = await compete(key, seat, call);
        const lock = hold(key, id, grip);
        seat.report((holder) => lock.observed(holder));
        return lock;
      } catch (error) {
        leave(key);
        throw error;
      }
    },
    async close() {
      const reason = new AppError("E_STORE_UNREACHABLE", "the store is closed");
      stop.abort(reason);
      for (const seat of seats.values()) seat.leave(reason);
      await session.close();
      for (const lock of [...held.values()]) lock.lose(reason.message);
    },
  };
}
