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
 * That this process, and no other, may write a key. Whoever lost it without noticing still cannot write. On a key that
 * does not exist nothing can be held: it is whose {@link Lock.put} creates it, and the others have lost theirs then.
 */
export interface Lock {
  /** Resolves, with the reason in words, when the lock is gone without having been released. Never rejects. */
  readonly lost: Promise<string>;
  /** False: the key no longer had `ifIndex`, or the lock is not ours any more; nothing was written. */
  put(key: string, value: string, call: WriteCall): Promise<boolean>;
  /** As {@link Lock.put}. The lock stays, so that the key can be written again. */
  delete(key: string, call: WriteCall): Promise<boolean>;
  /** Hands over at once. Safe to call twice, and after a loss. */
  release(call: Call): Promise<void>;
}

/** That a key is there as long as this process is. */
export interface Announcement {
  /** Resolves, with the reason in words, when the key is not what was announced any more. Never rejects. */
  readonly lost: Promise<string>;
  /** Takes the key away at once if it is still ours. Safe to call twice, and after a loss. Throws E_STORE_*. */
  withdraw(call: Call): Promise<void>;
}

/** A call that announces a key. */
export type AnnounceCall = Call & {
  /** Whether a process that is alive as far as the store knows, and holds the key with this value, is to be replaced. */
  readonly replaces: (value: string) => boolean;
};

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
  /**
   * Waits until this process alone may write `key`. Rejects with the signal's reason or the store's error; it never
   * retries after an error. `call.timeoutMs` bounds each request, not the wait. Taking and releasing a lock leaves the
   * value and changes the index: read the key before the first write on condition. A store that has no locks has no
   * such method.
   */
  lock?(key: string, call: Call): Promise<Lock>;
  /**
   * Puts the key there until it is withdrawn, the store closed, or this process dead: then it goes away by itself, though
   * not at once. A key that nobody holds is overwritten, and one that is held is taken over in one step where `replaces`
   * says so. Held by somebody else with the same value it is as announced, and stays theirs. Throws E_STORE_*, and E_CONFIG
   * when somebody else holds it with another value; it never retries. A store in which keys outlive their writers has no
   * such method.
   */
  announce?(key: string, value: string, call: AnnounceCall): Promise<Announcement>;
  /** Lets go of kept connections and watchers; safe to call twice. */
  close(): Promise<void>;
}
