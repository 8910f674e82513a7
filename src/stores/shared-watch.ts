import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Pair, Snapshot, Store } from "../core/store.ts";
import { createWake } from "../lib/wake.ts";
import { createKeyHub, folderOf, type KeyHub } from "./key-hub.ts";

/**
 * The same store for many tags: watches of single keys in one folder share one watch of that folder, so that a
 * thousand of them cost one query; a change wakes only those who watch that key. One key alone is watched as it is.
 * A watch that joins others begins with what the shared one saw last. When the shared watch ends all of them end, and
 * those who watch again share one new attempt, at most about one a second while it fails. All else goes to `store`.
 */
export function createSharedWatch(store: Store, clock: Clock): Store {
  const hubs = new Map<string, KeyHub<Snapshot>>();
  const hubOf = (key: string, timeoutMs: number | undefined): KeyHub<Snapshot> => {
    const folder = folderOf(key);
    // Whoever wants other bounds for the requests shares them with nobody else.
    const name = `${timeoutMs ?? ""} ${folder}`;
    const bound = timeoutMs === undefined ? {} : { timeoutMs };
    const follow = (prefix: string, signal: AbortSignal) => store.watch(prefix, { signal, ...bound });
    const hub = hubs.get(name) ?? createKeyHub<Snapshot>(folder, { clock, follow, isNews });
    hubs.set(name, hub);
    return hub;
  };
  return {
    name: store.name,
    get: (key, call) => store.get(key, call),
    list: (prefix, call) => store.list(prefix, call),
    watch(prefix, call) {
      if (prefix === "" || prefix.endsWith("/")) return store.watch(prefix, call);
      return watchKey(hubOf(prefix, call.timeoutMs), prefix, call);
    },
    put: (key, value, call) => store.put(key, value, call),
    delete: (key, call) => store.delete(key, call),
    ...(store.lock === undefined ? {} : { lock: store.lock.bind(store) }),
    close: () => store.close(),
  };
}

/** Content decides: an index alone is no news. */
function isNews(before: Pair | undefined, after: Pair | undefined): boolean {
  return before?.value !== after?.value;
}

async function* watchKey(hub: KeyHub<Snapshot>, key: string, call: Call): AsyncGenerator<Snapshot, void, undefined> {
  call.signal.throwIfAborted();
  const wake = createWake();
  let fresh: { readonly pair: Pair | undefined } | undefined;
  let failure: { readonly error: unknown } | undefined;
  let yielded: { readonly pair: Pair | undefined } | undefined;
  const leave = hub.join(key, {
    next(pair) {
      fresh = { pair };
      wake.ring();
    },
    failed(error) {
      failure = { error };
      wake.ring();
    },
  });
  try {
    for (;;) {
      await wake.wait(undefined, call.signal);
      call.signal.throwIfAborted();
      if (failure !== undefined) throw failure.error;
      const news = fresh;
      fresh = undefined;
      // Two changes that took each other back while the reader was busy are none.
      if (news === undefined || (yielded !== undefined && !isNews(yielded.pair, news.pair))) continue;
      yielded = news;
      yield { prefix: key, pairs: news.pair === undefined ? [] : [news.pair] };
    }
  } finally {
    leave();
  }
}
