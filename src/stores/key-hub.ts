import type { Clock } from "../core/clock.ts";
import type { Pair } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";

/** All pairs below a folder, or the one of a single key, at one moment. */
export interface Content {
  readonly pairs: readonly Pair[];
}

/** Whoever is interested in one key. */
export interface KeyListener<T extends Content> {
  /** What the key holds: once when that is known first, then whenever it is news. */
  next(pair: Pair | undefined, content: T): void;
  /** What is followed ended; whoever is still interested joins again. */
  failed(error: unknown): void;
}

/** Hands out to many, key by key, what is read once. */
export interface KeyHub<T extends Content> {
  /** Joins; the result leaves. What is known already is told at once, before this returns. */
  join(key: string, listener: KeyListener<T>): () => void;
}

/** How a folder is followed. */
export interface HubParts<T extends Content> {
  readonly clock: Clock;
  /** Whole contents, the present one first; ends by throwing. */
  follow(prefix: string, signal: AbortSignal): AsyncIterable<T>;
  /** Whether a listener that knows `before` must be told of `after`. */
  isNews(before: Pair | undefined, after: Pair | undefined): boolean;
}

/** After a failure nobody asks again before this has passed, however many join meanwhile. */
const REST = { firstMs: 50, maxMs: 1_000 };

interface Seat<T extends Content> {
  readonly key: string;
  readonly listener: KeyListener<T>;
  /** Undefined before the first word. */
  seen: { readonly pair: Pair | undefined } | undefined;
}

/**
 * A hub for the keys of one folder. A single key is read alone, for which the right to read that key is enough;
 * from the second on the whole folder is, so that a thousand keys cost one query. It ends with its last listener;
 * a failure reaches all of them, and those who join again share one new attempt. `folder` is that of {@link folderOf}.
 */
export function createKeyHub<T extends Content>(folder: string, parts: HubParts<T>): KeyHub<T> {
  const seats = new Set<Seat<T>>();
  const backoff = createBackoff(REST);
  let notBeforeMs = 0;
  let running = false;
  let round = new AbortController();
  let prefix = "";
  let latest: { readonly byKey: ReadonlyMap<string, Pair>; readonly content: T } | undefined;

  const covers = (key: string) => prefix === folder || prefix === key;

  function tell(seat: Seat<T>): void {
    if (latest === undefined || !covers(seat.key)) return;
    const pair = latest.byKey.get(seat.key);
    if (seat.seen !== undefined && !parts.isNews(seat.seen.pair, pair)) return;
    seat.seen = { pair };
    seat.listener.next(pair, latest.content);
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const restMs = notBeforeMs - parts.clock.monotonicMs();
    if (restMs > 0) await parts.clock.sleep(restMs, signal);
    for await (const content of parts.follow(prefix, signal)) {
      backoff.reset();
      latest = { byKey: new Map(content.pairs.map((pair) => [pair.key, pair])), content };
      for (const seat of [...seats]) if (seats.has(seat)) tell(seat);
      signal.throwIfAborted();
    }
  }

  function fail(error: unknown): void {
    notBeforeMs = parts.clock.monotonicMs() + backoff.next();
    latest = undefined;
    const told = [...seats];
    seats.clear();
    for (const { listener } of told) listener.failed(error);
  }

  async function run(): Promise<void> {
    running = true;
    for (;;) {
      // Those who join in one go are counted together.
      await Promise.resolve();
      if (seats.size === 0) break;
      round = new AbortController();
      prefix = prefixFor(folder, seats);
      latest = undefined;
      try {
        await follow(round.signal);
      } catch (error) {
        // Ended from here: nobody is left, or one key has become several.
        if (!round.signal.aborted) fail(error);
      }
    }
    running = false;
  }

  return {
    join(key, listener) {
      const seat: Seat<T> = { key, listener, seen: undefined };
      seats.add(seat);
      if (!running) void run();
      else if (covers(key)) tell(seat);
      else round.abort();
      return () => {
        if (!seats.delete(seat) || seats.size > 0) return;
        latest = undefined;
        round.abort();
      };
    },
  };
}

function prefixFor<T extends Content>(folder: string, seats: ReadonlySet<Seat<T>>): string {
  const keys = new Set([...seats].map(({ key }) => key));
  const [only] = keys;
  return keys.size === 1 && only !== undefined ? only : folder;
}

/** The folder that a key is in: `haproxy/memcached/`; a key that is in none stands for itself. */
export function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1) || key;
}
