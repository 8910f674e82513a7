import type { Clock } from "../core/clock.ts";
import { AppError, errorText, isAbort } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Snapshot, Store } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";
import { formatMs } from "../lib/duration.ts";

/** How soon a lost store is asked again, ms. */
const RETRY = { firstMs: 250, maxMs: 15_000 };
/** How long one request to the store may take, ms; a blocking query's own wait comes on top. */
const REQUEST_TIMEOUT_MS = 30_000;

/** What the sources need, and where they report. */
export interface SourceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ask anew at this interval instead of watching; ms. */
  readonly intervalMs: number | undefined;
  /** A first or a changed snapshot. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

/**
 * Keeps the snapshots of all prefixes up to date until the signal aborts, over any loss of the store: what
 * was read last stays in force meanwhile. The loss and the return are each said once.
 */
export async function followAll(prefixes: readonly string[], deps: SourceDeps, signal: AbortSignal): Promise<void> {
  await Promise.all(prefixes.map((prefix) => follow(prefix, deps, signal)));
}

async function follow(prefix: string, deps: SourceDeps, signal: AbortSignal): Promise<void> {
  const backoff = createBackoff(RETRY);
  const report = createReporter(prefix, deps);
  let last: Snapshot | undefined;
  while (!signal.aborted) {
    try {
      for await (const snapshot of snapshots(prefix, deps, signal)) {
        backoff.reset();
        report.contact();
        if (last !== undefined && sameContent(last, snapshot)) continue;
        last = snapshot;
        deps.onSnapshot(snapshot);
      }
    } catch (error) {
      if (isAbort(error, signal)) return;
      report.lost(error);
    }
    await deps.clock.sleep(backoff.next(), signal).catch(() => {});
  }
}

/** The store's own watch, or a list per interval. */
async function* snapshots(prefix: string, deps: SourceDeps, signal: AbortSignal): AsyncIterable<Snapshot> {
  const { store, intervalMs, clock } = deps;
  const call = { signal, timeoutMs: REQUEST_TIMEOUT_MS };
  if (intervalMs === undefined) {
    yield* store.watch(prefix, call);
    return;
  }
  for (;;) {
    yield await store.list(prefix, call);
    await clock.sleep(intervalMs, signal);
  }
}

function createReporter(prefix: string, deps: SourceDeps) {
  const { logger, clock } = deps;
  const store = deps.store.name;
  let lostBecause: string | undefined;
  let lostAtMs = 0;
  return {
    contact() {
      if (lostBecause === undefined) return;
      logger.info("the store answers again", { store, key: prefix, after: formatMs(clock.monotonicMs() - lostAtMs) });
      lostBecause = undefined;
    },
    lost(error: unknown) {
      const why = errorText(error);
      if (lostBecause === undefined) lostAtMs = clock.monotonicMs();
      if (lostBecause !== why) {
        const hint = error instanceof AppError ? error.hint : undefined;
        logger.error("the store cannot be read; what HAProxy has stays in force", {
          store,
          key: prefix,
          err: why,
          hint,
        });
      }
      lostBecause = why;
    },
  };
}

/** Equal keys and values; a changed index alone (an equal value written anew) is no change. */
function sameContent(a: Snapshot, b: Snapshot): boolean {
  if (a.pairs.length !== b.pairs.length) return false;
  return a.pairs.every((pair, i) => {
    const other = b.pairs[i];
    return pair === other || (pair.key === other?.key && pair.value === other.value);
  });
}
