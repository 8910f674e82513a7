import { setMaxListeners } from "node:events";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { AnnounceCall, Announcement } from "../core/store.ts";
import { type Announced, createAnnounced, textOf } from "./consul-announced.ts";
import type { BoundedCall, ConsulClient } from "./consul-client.ts";
import { createLockRequests, type KvOperation, type RawPair } from "./consul-lock-request.ts";
import { createHolderHubs, takeSeat } from "./consul-lock-seat.ts";
import { createLockSession } from "./consul-lock-session.ts";
import type { ConsulTiming } from "./consul-timing.ts";
import { checkKey } from "./key.ts";

/** All announced keys of one store object: one session holds them, and deletes them when it ends. */
export interface Announcements {
  /** See `Store.announce`. */
  announce(key: string, value: string, call: AnnounceCall): Promise<Announcement>;
  /** Ends the session, and with it every key that it holds. Safe to call twice. */
  close(): Promise<void>;
}

/** What announcements are made of. */
export interface AnnouncementParts {
  readonly client: ConsulClient;
  /** Query words of every request. */
  readonly scope: readonly string[];
  readonly timing: ConsulTiming;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** More changes of others than this between a read and a write: somebody writes without end. */
const MOST_TRIES = 10;

/**
 * Keys that live as long as this process: the session's TTL alone ends them. No health check does: an agent that is
 * restarted within the TTL says nothing about what was announced, and whoever reads it would act for nothing. Makes no
 * session before the first key.
 */
export function createAnnouncements(parts: AnnouncementParts): Announcements {
  const { client, scope, timing } = parts;
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const requests = createLockRequests(client, scope);
  const hubOf = createHolderHubs(parts);
  const all = new Set<Announced>();
  const session = createLockSession(
    { ...parts, requests, checks: [], behavior: "delete", purpose: "what is announced" },
    {
      lost(reason, surely) {
        // Not heard of for a while, it may live on, and then so do its keys.
        if (surely) for (const announced of [...all]) announced.lose(reason);
      },
      renewed() {
        for (const announced of all) announced.recheck();
      },
    },
  );
  const bounded = ({ signal, timeoutMs = timing.requestMs }: Call): BoundedCall => ({ signal, timeoutMs });

  /** Resolves to our session, which holds the key then; undefined when that of somebody who says the same does. */
  async function take(key: string, value: string, call: AnnounceCall): Promise<string | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const id = await session.ensure(call);
      const raw = await requests.read(key, bounded(call));
      const steps = stepsFor(raw, { key, value, id, replaces: call.replaces });
      if ("isOurs" in steps) return steps.isOurs ? id : undefined;
      const outcome = await requests.commit(steps, bounded(call));
      if (outcome.done) return id;
      if (outcome.sessionGone) session.gone(id);
    }
    throw new AppError("E_STORE_STALE", `${key} cannot be taken: somebody else changes it again and again`, {
      hint: "or Consul bars it for up to a minute after somebody's session with a lock-delay; it is tried again",
    });
  }

  return {
    async announce(key, value, call) {
      checkKey(key);
      call.signal.throwIfAborted();
      if (stop.signal.aborted) throw stop.signal.reason;
      const id = await take(key, value, call);
      const seat = takeSeat(hubOf(key), key);
      const announced = createAnnounced({
        ...{ key, value, id, requests },
        call: { signal: stop.signal, timeoutMs: timing.requestMs },
        left() {
          all.delete(announced);
          seat.leave();
        },
      });
      all.add(announced);
      seat.report(() => announced.look());
      return announced;
    },
    async close() {
      stop.abort(new AppError("E_STORE_UNREACHABLE", "the store is closed"));
      await session.close();
      for (const announced of [...all]) announced.lose("the store is closed");
    },
  };
}

interface Wanted extends Pick<AnnounceCall, "replaces"> {
  readonly key: string;
  readonly value: string;
  readonly id: string;
}

/** The transaction that makes the key ours; or whether it is, when nothing is to be done. Throws E_CONFIG. */
function stepsFor(raw: RawPair | undefined, wanted: Wanted): readonly KvOperation[] | { readonly isOurs: boolean } {
  const { key, value, id, replaces } = wanted;
  const lock = { Verb: "lock", Key: key, Value: Buffer.from(value).toString("base64"), Session: id } as const;
  if (raw === undefined) return [{ Verb: "check-not-exists", Key: key }, lock];
  const asRead = { Verb: "check-index", Key: key, Index: raw.ModifyIndex } as const;
  const present = textOf(raw);
  const holder = raw.Session;
  if (holder === undefined || (holder === id && present !== value)) return [asRead, lock];
  if (holder === id) return { isOurs: true };
  if (replaces(present)) {
    // In one step, so that nobody ever sees the key gone: a session that is ended takes its keys with it.
    return [asRead, { Verb: "unlock", Key: key, Value: raw.Value, Session: holder }, lock];
  }
  if (present === value) return { isOurs: false };
  throw new AppError("E_CONFIG", `${key} is announced by somebody else, as ${shown(present)}`, {
    hint: "if that one is dead, the key goes away by itself within 20s; else one of the two needs another name",
  });
}

function shown(value: string): string {
  const line = value.replace(/[^\x20-\x7e]/g, "?");
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
