import { hostname } from "node:os";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText, isAbort } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { createBackoff } from "../lib/backoff.ts";
import { withDeadline } from "../lib/deadline.ts";
import { formatMs } from "../lib/duration.ts";
import { invalidAnswer } from "./consul-errors.ts";
import { type LockRequests, parse } from "./consul-lock-request.ts";
import type { ConsulTiming } from "./consul-timing.ts";

/** This process as Consul knows it; all keys are held by it. */
export interface LockSession {
  /** The ID of the last session while Consul may still know it. */
  readonly id: string | undefined;
  /** The ID of a session that lives as far as is known; made or found again when there is none. Throws E_STORE_*. */
  ensure(call: Call): Promise<string>;
  /** Consul said that it does not know this session any more. */
  gone(id: string): void;
  /** Ends the session, which frees or deletes all its keys at once. Safe to call twice. */
  close(): Promise<void>;
}

/** Who is told. */
export interface SessionListener {
  /** Locks count as lost; `surely` when Consul said so and not just did not answer. */
  lost(reason: string, surely: boolean): void;
  /** Consul knows the session. */
  renewed(): void;
}

/** What a session is made of. */
export interface SessionParts {
  readonly requests: LockRequests;
  /** Query words of every request. */
  readonly scope: readonly string[];
  /** Health checks of the node that end it. */
  readonly checks: readonly string[];
  /** What becomes of the keys that it holds when it ends. */
  readonly behavior: "release" | "delete";
  /** What it is for, for people: `locks`. */
  readonly purpose: string;
  readonly timing: ConsulTiming;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long ending the session may hold up the end of the process. */
const CLOSE_MS = 1_000;

/** Makes no session yet. It is renewed three times in its TTL from the first {@link LockSession.ensure} to the end. */
export function createLockSession(parts: SessionParts, listener: SessionListener): LockSession {
  const { requests, timing, clock, logger, purpose } = parts;
  const { sessionTtlMs: ttlMs, requestMs } = timing;
  const stop = new AbortController();
  const backoff = createBackoff({ firstMs: ttlMs / 40, maxMs: ttlMs / 6 });
  let id: string | undefined;
  /** When the last renewal was sent that Consul answered. */
  let aliveMs = 0;
  /** Nothing was heard for longer than the TTL: nobody knows whether the session lives. */
  let doubtful = false;
  /** Counts more than the last renewal's error, which may just have had no time left. */
  let refusal: unknown;
  let opening: Promise<string> | undefined;

  const path = (what: string) => `/v1/session/${what}${parts.scope.length === 0 ? "" : `?${parts.scope.join("&")}`}`;

  async function create(): Promise<string> {
    const sentMs = clock.monotonicMs();
    // made twice it does no harm: it holds nothing and ends by itself
    const request = { method: "PUT", path: path("create"), body: sessionBody(parts), repeatable: true } as const;
    const reply = await requests.send(request, { signal: stop.signal, timeoutMs: requestMs });
    const made = (parse(reply) as { ID?: unknown }).ID;
    if (typeof made !== "string" || made === "") throw invalidAnswer("to a new session has no ID");
    id = made;
    alive(sentMs);
    logger.debug(`made a session for ${purpose}`, { key: made });
    void keepAlive(made);
    return made;
  }

  function alive(sentMs: number): void {
    aliveMs = sentMs;
    doubtful = false;
    refusal = undefined;
    backoff.reset();
  }

  /** False: Consul does not know it any more. */
  async function renew(which: string, timeoutMs: number): Promise<boolean> {
    const sentMs = clock.monotonicMs();
    const request = { method: "PUT", path: path(`renew/${which}`), repeatable: true } as const;
    const reply = await requests.send(request, { signal: stop.signal, timeoutMs });
    if (reply.status === 404) {
      gone(which);
      return false;
    }
    alive(sentMs);
    return true;
  }

  function gone(which: string): void {
    if (which !== id) return;
    id = undefined;
    listener.lost("Consul ended the session: its TTL passed, a health check failed, or somebody ended it", true);
  }

  async function keepAlive(which: string): Promise<void> {
    let restMs = ttlMs / 3;
    while (which === id) {
      try {
        await clock.sleep(restMs, stop.signal);
        if (which !== id) return;
        restMs = ttlMs / 3;
        if (await renew(which, renewalMs(clock.monotonicMs() - aliveMs, ttlMs))) listener.renewed();
      } catch (error) {
        if (isAbort(error, stop.signal)) return;
        unheard(error);
        restMs = backoff.next();
      }
    }
  }

  function unheard(error: unknown): void {
    const silentMs = clock.monotonicMs() - aliveMs;
    if (isDenied(error)) refusal = error;
    if (doubtful || (silentMs < ttlMs && error instanceof AppError)) return;
    doubtful = true;
    listener.lost(`the session could not be renewed for ${formatMs(silentMs)}: ${errorText(refusal ?? error)}`, false);
  }

  async function open(): Promise<string> {
    const known = id;
    if (known !== undefined && (await renew(known, requestMs))) return known;
    return create();
  }

  return {
    get id() {
      return id;
    },
    async ensure(call) {
      if (id !== undefined && !doubtful) return id;
      opening ??= open().finally(() => {
        opening = undefined;
      });
      const shared = opening;
      return withDeadline("a session at Consul", requestMs * 2, call.signal, () => shared);
    },
    gone,
    async close() {
      if (stop.signal.aborted) return;
      stop.abort(new AppError("E_STORE_UNREACHABLE", "the store is closed"));
      if (id === undefined) return;
      const call = { signal: new AbortController().signal, timeoutMs: CLOSE_MS };
      try {
        await requests.send({ method: "PUT", path: path(`destroy/${id}`), repeatable: true }, call);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        const left = `within ${formatMs(ttlMs * 2)}`;
        logger.warn(`the session for ${purpose} could not be ended; Consul ends it ${left}`, { err: errorText(error) });
      }
    },
  };
}

/** As it is shown in Consul's UI and by `/v1/session/info`: who holds the keys, and where it runs. */
function sessionBody({ checks, behavior, timing }: SessionParts): string {
  return JSON.stringify({
    Name: `confd-haproxy ${hostname()}:${process.pid}`,
    TTL: `${timing.sessionTtlMs / 1_000}s`,
    Behavior: behavior,
    // Writes are fenced by the session itself, so nobody has to wait after its end.
    LockDelay: "0s",
    // Old and new Consul take IDs of services' checks here too; this list stands in place of the default.
    NodeChecks: checks,
  });
}

function isDenied(error: unknown): boolean {
  return error instanceof AppError && error.code === "E_STORE_DENIED";
}

/** A renewal ends when the TTL does, so that the loss is known then; later ones have as long as one usually has. */
function renewalMs(silentMs: number, ttlMs: number): number {
  const leftMs = ttlMs - silentMs;
  return leftMs > 0 ? Math.min(ttlMs / 3, Math.max(1, leftMs)) : ttlMs / 3;
}
