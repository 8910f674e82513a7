import type { Clock } from "../core/clock.ts";
import { createWake } from "../lib/wake.ts";
import type { ConsulClient } from "./consul-client.ts";
import { createDecoder, type Decoded } from "./consul-decode.ts";
import { followPrefix } from "./consul-follow.ts";
import { createPrefixReader } from "./consul-prefix.ts";
import type { ConsulTiming } from "./consul-timing.ts";
import { createKeyHub, folderOf, type KeyHub } from "./key-hub.ts";

/** The holder of one key, kept in view. */
export interface LockSeat {
  /**
   * Waits until no session but `own()` holds the key: "absent" when there is no key at all. Rejects with the signal's
   * reason, or when the key cannot be watched.
   */
  untilFree(own: () => string | undefined, signal: AbortSignal): Promise<"absent" | "free">;
  /** From now on every change goes to `observed`, and a watch that ends begins again. */
  report(observed: (holder: string | undefined) => void): void;
  leave(error?: unknown): void;
}

/** Takes its place at the hub at once. */
export function takeSeat(hub: KeyHub<Decoded>, key: string): LockSeat {
  const wake = createWake();
  let seen: { readonly holder: string | undefined } | undefined;
  let failure: { readonly error: unknown } | undefined;
  let left = false;
  let observed: ((holder: string | undefined) => void) | undefined;
  let leave: () => void = () => {};

  function join(): void {
    leave = hub.join(key, {
      next(_pair, decoded) {
        const holder = decoded.holderOf(key);
        seen = { holder };
        observed?.(holder);
        wake.ring();
      },
      failed(error) {
        if (left) return;
        // A lock that is held does not depend on the watch: its session and its writes tell of a loss as well.
        if (observed !== undefined) return join();
        failure = { error };
        wake.ring();
      },
    });
  }
  join();

  return {
    async untilFree(own, signal) {
      for (;;) {
        signal.throwIfAborted();
        if (failure !== undefined) throw failure.error;
        if (seen !== undefined && seen.holder === undefined) return "absent";
        if (seen !== undefined && (seen.holder === "" || seen.holder === own())) return "free";
        await wake.wait(undefined, signal);
      }
    },
    report(listener) {
      observed = listener;
      if (failure !== undefined) join();
      else if (seen !== undefined) listener(seen.holder);
    },
    leave(error) {
      left = true;
      leave();
      if (error === undefined) return;
      failure = { error };
      wake.ring();
    },
  };
}

/** What following holders needs; `scope` are the query words of every request. */
export interface HubsParts {
  readonly client: ConsulClient;
  readonly scope: readonly string[];
  readonly timing: ConsulTiming;
  readonly clock: Clock;
}

/** One hub per folder; it follows the holders of its keys whenever Consul has news of them. */
export function createHolderHubs(parts: HubsParts): (key: string) => KeyHub<Decoded> {
  const { client, scope, timing, clock } = parts;
  const prefixes = createPrefixReader({ client, words: scope, timing });
  const hubs = new Map<string, KeyHub<Decoded>>();
  // The same object again: neither value nor index changed, and a new holder changes the index.
  const isNews = (before: unknown, after: unknown) => before !== after;

  async function* follow(prefix: string, signal: AbortSignal): AsyncGenerator<Decoded, void, undefined> {
    const answers = followPrefix({ client, prefixes, timing, clock }, prefix, createDecoder(), { signal });
    for await (const { decoded } of answers) yield decoded;
  }

  return (key) => {
    const folder = folderOf(key);
    const hub = hubs.get(folder) ?? createKeyHub<Decoded>(folder, { clock, follow, isNews });
    hubs.set(folder, hub);
    return hub;
  };
}
