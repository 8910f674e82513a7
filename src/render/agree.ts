import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Comparison, Haproxy } from "../core/haproxy.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { DestView } from "./dest-file.ts";
import type { Records } from "./records.ts";

/** What the comparisons need, and where they report. */
export interface AgreeDeps {
  readonly records: Records;
  readonly clock: Clock;
  readonly haproxy: Haproxy | undefined;
  readonly tell: AgreeTell;
}

/** What was found, in words. */
export interface AgreeTell {
  mended(differences: readonly string[]): void;
  /** Only a reload mends these. */
  left(differences: readonly string[]): void;
  /** HAProxy could not be asked. */
  unasked(errors: readonly AppError[]): void;
  /** All could be asked. */
  asked(): void;
}

/** Keeps HAProxy at what is at dest. */
export interface Agreement {
  /** Compares and mends, when that is due. To be called with a dest that is as it should be. */
  agree(view: DestView, call: Call): Promise<void>;
  /** Dest becomes another: it has to be looked at again, a while after that. */
  doubt(): void;
  /** How long until the next comparison is due, ms; undefined when none is. */
  dueInMs(): number | undefined;
}

/**
 * How long after a change it is looked at again, ms. A HAProxy that somebody started meanwhile may have read the file
 * before, and come to its socket after it was looked at; a large configuration takes its seconds to be read. Another
 * render may have put an older file over ours.
 */
const LOOK_AGAIN_MS = { soon: 2_000, late: 30_000 };

/** How soon one that could not be asked is asked again, ms. */
const RETRY = { firstMs: 2_000, maxMs: 60_000 };

/** All that is done else waits for it, ms. */
const TIMEOUT_MS = 3_000;

/**
 * Compares at the start, since the process before may have been killed between HAProxy and the file; twice after each
 * change; and when somebody else has changed dest.
 */
export function createAgreement(dest: string, { records, clock, haproxy, tell }: AgreeDeps): Agreement {
  const retry = createBackoff(RETRY);
  let soonAtMs: number | undefined = Number.NEGATIVE_INFINITY;
  let lateAtMs: number | undefined;
  /** What was at dest when it was looked at last. */
  let seen: string | undefined;
  /** What was left the last time: if a reload has not mended it, another one will not. */
  let wasLeft = "";

  function doubt(): void {
    const nowMs = clock.monotonicMs();
    // Never put off by the next change: a steady stream of them must not keep it from being looked at.
    if (soonAtMs === undefined || soonAtMs <= nowMs) soonAtMs = nowMs + LOOK_AGAIN_MS.soon;
    lateAtMs = nowMs + LOOK_AGAIN_MS.late;
  }

  function dueInMs(): number | undefined {
    const atMs = Math.min(soonAtMs ?? Number.POSITIVE_INFINITY, lateAtMs ?? Number.POSITIVE_INFINITY);
    if (haproxy === undefined || atMs === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(0, atMs - clock.monotonicMs());
  }

  async function compare(running: Haproxy, text: string, view: DestView, call: Call): Promise<void> {
    const found = await running.compare({ text, before: records.running(dest) }, call);
    if (found.mended.length > 0) tell.mended(found.mended);
    if (found.left.length > 0) noteLeft(found);
    else wasLeft = "";
    if (found.unasked.length > 0) return postpone(found.unasked);
    if (found.left.length === 0 && (await runs(running, text, view, call))) {
      records.setRunning(dest, text);
      records.update(dest, { applied: true, addressesOnly: false });
    }
    tell.asked();
    retry.reset();
    const nowMs = clock.monotonicMs();
    if (soonAtMs !== undefined && soonAtMs <= nowMs) soonAtMs = undefined;
    if (lateAtMs !== undefined && lateAtMs <= nowMs) lateAtMs = undefined;
  }

  function postpone(errors: readonly AppError[]): void {
    tell.unasked(errors);
    soonAtMs = clock.monotonicMs() + retry.next();
    lateAtMs = undefined;
  }

  function noteLeft({ left }: Comparison): void {
    const { applied, addressesOnly } = records.get(dest);
    // Else a reload is due anyway, and why was said.
    if (!applied && !addressesOnly) return;
    const now = left.join();
    if (now === wasLeft) return;
    wasLeft = now;
    tell.left(left);
    records.update(dest, { applied: false, addressesOnly: false });
  }

  /** Whether all that is at dest is in force, now that its servers are. */
  async function runs(running: Haproxy, text: string, { sinceMs }: DestView, call: Call): Promise<boolean> {
    const { applied, addressesOnly } = records.get(dest);
    const before = records.running(dest);
    if (before === text || (!applied && addressesOnly)) return true;
    if ((await running.startedAtMs(call)) > sinceMs) return true;
    if (before === undefined) return false;
    const plan = await running.plan({ before, after: text }, call);
    return plan.how === "runtime" && (plan.addressesOnly || plan.steps.length === 0);
  }

  return {
    async agree(view, { signal }) {
      if (haproxy === undefined || view.text === undefined) return;
      const isAnother = seen !== undefined && seen !== view.text;
      seen = view.text;
      if (dueInMs() !== 0) {
        if (isAnother) doubt();
        return;
      }
      try {
        await compare(haproxy, view.text, view, { signal, timeoutMs: TIMEOUT_MS });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AppError)) throw error;
        postpone([error]);
      }
    },
    doubt,
    dueInMs,
  };
}
