import { errorText, isAbort } from "../core/errors.ts";
import type { AnnounceCall, Announcement, Store } from "../core/store.ts";

/**
 * As `Store.announce`, for a store in which keys outlive their writers: after a process that could not end well its key
 * stays, and whoever comes next under that name takes it over.
 */
export async function announcePlainly(
  store: Store,
  { key, value }: { readonly key: string; readonly value: string },
  call: AnnounceCall,
): Promise<Announcement> {
  await store.put(key, value, call);
  const over = new AbortController();
  let tellLost: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    tellLost = resolve;
  });
  void follow(store, { key, value }, over.signal).then(tellLost);
  return {
    lost,
    async withdraw(within) {
      if (over.signal.aborted) return;
      over.abort();
      const present = await store.get(key, within);
      if (present?.value === value) await store.delete(key, { ...within, ifIndex: present.index });
    },
  };
}

/** Resolves, with the reason, when the key has another value, or cannot be seen any more. */
async function follow(store: Store, { key, value }: { key: string; value: string }, signal: AbortSignal) {
  try {
    for await (const { pairs } of store.watch(key, { signal })) {
      const [pair] = pairs;
      if (pair?.value !== value) return pair === undefined ? "somebody deleted the key" : "somebody overwrote the key";
    }
    return "the store says no more of it";
  } catch (error) {
    return isAbort(error, signal) ? "it was withdrawn" : errorText(error);
  }
}
