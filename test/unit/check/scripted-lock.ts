import { AppError } from "../../../src/core/errors.ts";
import type { Lock, Store } from "../../../src/core/store.ts";

/** Locks on the keys of a store in memory, as sessions of a store would hold them. */
export interface ScriptedLocks {
  /** What one process sees: the store, with locks. */
  connect(name: string): Store;
  /** Who holds the key. */
  holder(key: string): string | undefined;
  /** The store lets go of the holder's session; the holder learns of it only with `tell`. */
  expire(key: string, tell: boolean): void;
  /** Attempts to write by somebody who did not hold the lock any more; all were refused. */
  readonly refused: string[];
}

interface Held {
  readonly name: string;
  lose(reason: string): void;
}

/** `store` does the reading and the writing. */
export function createScriptedLocks(store: Store): ScriptedLocks {
  const held = new Map<string, Held>();
  const waiting = new Map<string, (() => void)[]>();
  const refused: string[] = [];

  function free(key: string): void {
    held.delete(key);
    waiting.get(key)?.shift()?.();
  }

  async function acquire(key: string, name: string, signal: AbortSignal): Promise<Lock> {
    while (held.has(key)) await turn(key, signal);
    let lose: (reason: string) => void = () => {};
    const lost = new Promise<string>((resolve) => {
      lose = resolve;
    });
    const mine: Held = { name, lose };
    held.set(key, mine);
    const isMine = () => held.get(key) === mine;
    const fenced = (write: () => Promise<boolean>): Promise<boolean> => {
      if (isMine()) return write();
      refused.push(name);
      lose("the session is gone");
      return Promise.resolve(false);
    };
    return {
      lost,
      put: (at, value, call) => fenced(() => store.put(at, value, call)),
      delete: (at, call) => fenced(() => store.delete(at, call)),
      release: async () => {
        if (isMine()) free(key);
      },
    };
  }

  function turn(key: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = waiting.get(key) ?? [];
      waiting.set(key, queue);
      queue.push(resolve);
      signal.addEventListener("abort", () => {
        waiting.set(
          key,
          (waiting.get(key) ?? []).filter((one) => one !== resolve),
        );
        reject(signal.reason);
      });
    });
  }

  return {
    refused,
    holder: (key) => held.get(key)?.name,
    expire(key, tell) {
      const last = held.get(key);
      if (last === undefined) throw new AppError("E_INTERNAL", "nobody holds the lock");
      free(key);
      if (tell) last.lose("the session expired");
    },
    connect: (name) => ({ ...store, lock: (key, { signal }) => acquire(key, name, signal) }),
  };
}
