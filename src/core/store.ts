import type { Call } from "./call.ts";

/**
 * The state of one key for check-and-set: opaque, compared for equality only (Consul's ModifyIndex, a
 * file's content). {@link ABSENT} stands for "there is no such key".
 */
export type Index = string;

/** As `ifIndex`: write only if the key does not exist (Consul's `cas=0`). */
export const ABSENT: Index = "0";

/** One key and its value. Keys have no leading slash: `haproxy/mysqlslave/slave3301`. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly index: Index;
}

/** All pairs under a prefix at one moment, sorted by key, folder markers left out. Never partial. */
export interface Snapshot {
  readonly prefix: string;
  readonly pairs: readonly Pair[];
}

/** A call to a store that changes a key; with `ifIndex` only if the key still has that index. */
export type WriteCall = Call & { readonly ifIndex?: Index };

/**
 * Where entries live. A new store is one file in `src/stores/` that passes `test/contract/store.ts`.
 *
 * A prefix that ends in `/` (or is empty) means everything below it; a prefix that does not means that one
 * key alone. Every method throws an `AppError` with an `E_STORE_*` code. An empty answer is returned only
 * when the store is sure that there is nothing: no right to read, no leader and a stale answer are errors.
 */
export interface Store {
  /** For people: `consul://127.0.0.1:8500`, `file:/etc/entries`. Holds no secret. */
  readonly name: string;
  /** The pair, or undefined when there is no such key. */
  get(key: string, call: Call): Promise<Pair | undefined>;
  list(prefix: string, call: Call): Promise<Snapshot>;
  /**
   * Full snapshots only: the present one first, then one per change of content. Ends by throwing, either
   * the signal's reason or the store's error; it never retries: the caller's loop does. `call.timeoutMs`
   * bounds each request, not the watch.
   */
  watch(prefix: string, call: Call): AsyncIterable<Snapshot>;
  /** False: the key no longer had `ifIndex`, nothing was written. */
  put(key: string, value: string, call: WriteCall): Promise<boolean>;
  /** False: the key no longer had `ifIndex`. Deleting what is not there is true. */
  delete(key: string, call: WriteCall): Promise<boolean>;
  /** Lets go of kept connections and watchers; safe to call twice. */
  close(): Promise<void>;
}
