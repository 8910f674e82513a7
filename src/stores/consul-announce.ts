import { setMaxListeners } from "node:events";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { AnnounceCall, Announcement } from "../core/store.ts";
import type { BoundedCall, ConsulClient } from "./consul-client.ts";
import { createLockRequests, type KvOperation, type LockRequests, type RawPair } from "./consul-lock-request.ts";
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

/** An announcement as its maker sees it. */
interface Announced extends Announcement {
  lose(reason: string): void;
  /** Looks whether the key is as it should be, if there is a doubt; at least once more for each call. */
  look(): void;
  /** Makes up for a look that failed. */
  recheck(): void;
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

  /** Resolves to the session that holds the key then, ours or that of somebody who says the same. */
  async function take(key: string, value: string, call: AnnounceCall): Promise<string> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const id = await session.ensure(call);
      const raw = await requests.read(key, bounded(call));
      const steps = stepsFor(raw, { key, value, id, replaces: call.replaces });
      if (typeof steps === "string") return steps;
      const outcome = await requests.commit(steps, bounded(call));
      if (outcome.done) return id;
      if (outcome.sessionGone) session.gone(id);
    }
    throw new AppError("E_STORE_STALE", `${key} is changed by somebody else again and again`);
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

/** The transaction that makes the key ours; or whose it is, when nothing is to be done. Throws E_CONFIG. */
function stepsFor(raw: RawPair | undefined, wanted: Wanted): readonly KvOperation[] | string {
  const { key, value, id, replaces } = wanted;
  const lock = { Verb: "lock", Key: key, Value: Buffer.from(value).toString("base64"), Session: id } as const;
  if (raw === undefined) return [{ Verb: "check-not-exists", Key: key }, lock];
  const asRead = { Verb: "check-index", Key: key, Index: raw.ModifyIndex } as const;
  const present = textOf(raw);
  const holder = raw.Session;
  if (holder === undefined || (holder === id && present !== value)) return [asRead, lock];
  if (holder === id) return id;
  if (replaces(present)) {
    // In one step, so that nobody ever sees the key gone: a session that is ended takes its keys with it.
    return [asRead, { Verb: "unlock", Key: key, Value: raw.Value, Session: holder }, lock];
  }
  if (present === value) return holder;
  throw new AppError("E_CONFIG", `${key} is announced by somebody else, as ${shown(present)}`, {
    hint: "if that one is dead, the key goes away by itself within 20s; else one of the two needs another name",
  });
}

interface AnnouncedParts {
  readonly key: string;
  readonly value: string;
  /** The session that holds the key. */
  readonly id: string;
  readonly requests: LockRequests;
  /** For looks at the key. */
  readonly call: BoundedCall;
  /** Called once, when it is of no more use. */
  left(): void;
}

function createAnnounced({ key, value, id, requests, call, left }: AnnouncedParts): Announced {
  let over = false;
  let looking = false;
  let doubtful = false;
  let tellLost: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    tellLost = resolve;
  });

  function end(): void {
    over = true;
    left();
  }

  function lose(reason: string): void {
    if (over) return;
    end();
    tellLost(reason);
  }

  /** What a watch has seen may be from before the last write: a look at the key decides. */
  function look(): void {
    doubtful = true;
    if (looking || over) return;
    looking = true;
    doubtful = false;
    const settle = (raw: RawPair | undefined) => {
      looking = false;
      if (raw === undefined) lose("somebody deleted the key, or its session ended");
      else if (textOf(raw) !== value) lose("somebody overwrote the key");
      else if (doubtful) look();
    };
    requests.read(key, call).then(settle, (error: unknown) => {
      looking = false;
      doubtful = true;
      if (!(error instanceof AppError)) lose(String(error));
    });
  }

  return {
    lost,
    lose,
    look,
    recheck() {
      if (doubtful) look();
    },
    async withdraw(within) {
      if (over) return;
      end();
      const mine = { Verb: "check-session", Key: key, Session: id } as const;
      // Refused: it is not ours any more, and nothing is to be done.
      await requests.commit([mine, { Verb: "delete", Key: key }], {
        signal: within.signal,
        timeoutMs: within.timeoutMs ?? call.timeoutMs,
      });
    },
  };
}

function textOf({ Value: value }: RawPair): string {
  return Buffer.from(value ?? "", "base64").toString("utf8");
}

function shown(value: string): string {
  const line = value.replace(/[^\x20-\x7e]/g, "?");
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
