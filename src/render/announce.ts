import type { Clock } from "../core/clock.ts";
import { AppError, errorText, isAbort } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type Peer, peerKey, printPeer } from "../core/peers.ts";
import type { Announcement, Store } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";
import { createWake } from "../lib/wake.ts";
import type { LocalPeer } from "./local-peer.ts";
import { announcePlainly } from "./plain-announcement.ts";

/** What is to be announced: this machine's HAProxy, under the prefix of its resource. */
export interface WantedPeer {
  readonly prefix: string;
  readonly place: Omit<Peer, "name">;
  readonly local: LocalPeer;
}

/** What keeping it takes. */
export interface AnnounceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One HAProxy, kept in the store. */
export interface AnnouncedPeer {
  /** From now on this: a key that stays the same is never away meanwhile. */
  want(wanted: WantedPeer): void;
  /** Takes it away at once. Never throws. */
  end(): Promise<void>;
}

interface Held {
  readonly key: string;
  readonly value: string;
  readonly announcement: Announcement;
}

/** How soon a store that failed is asked again, and a key that was lost is written again, ms. */
const RETRY = { firstMs: 100, maxMs: 15_000 };
/** What was held for as long is no part of a quarrel about the key, ms. */
const CALM_MS = 10_000;
/** How soon an HAProxy that could not be asked for its name is asked again, ms. */
const ASK_AGAIN = { firstMs: 1_000, maxMs: 60_000 };
/** How soon one that has told it, ms: it may be started again under another one. */
const ASK_ANEW_MS = 60_000;
/** How long one request to the store may take, ms. */
const REQUEST_MS = 10_000;
/** How long taking it away may hold up the end of the process, ms. */
const WITHDRAW_MS = 2_000;

/** Keeps it in the store over any loss of the key or the store, until {@link AnnouncedPeer.end}. */
export function announcePeer(first: WantedPeer, deps: AnnounceDeps): AnnouncedPeer {
  const { store, clock, logger } = deps;
  const stop = new AbortController();
  const { signal } = stop;
  const wake = createWake();
  const backoff = createBackoff(RETRY);
  const asking = createBackoff(ASK_AGAIN);
  let wanted = first;
  let held: Held | undefined;
  let restMs = 0;
  let trouble = "";
  /** Only the process that is new may push another one aside: else two with one name would do so for ever. */
  const taken = new Set<string>();

  async function turn(): Promise<number | undefined> {
    const { prefix, place, local } = wanted;
    const { names, from, certain } = await local({ signal });
    const [name = ""] = names;
    const key = peerKey(prefix, name);
    const value = printPeer({ name, ...place });
    if (held?.key !== key || held.value !== value) await bring(key, value, place);
    if (!certain) return asking.next();
    asking.reset();
    return from === "haproxy" ? ASK_ANEW_MS : undefined;
  }

  async function bring(key: string, value: string, place: Omit<Peer, "name">): Promise<void> {
    const before = held;
    const replaces = (other: string) => !taken.has(key) && isAt(other, place);
    const call = { signal, timeoutMs: REQUEST_MS, replaces };
    const announcement = await (store.announce?.(key, value, call) ?? announcePlainly(store, { key, value }, call));
    taken.add(key);
    const mine = { key, value, announcement };
    held = mine;
    const sinceMs = clock.monotonicMs();
    void announcement.lost.then((reason) => {
      if (held !== mine) return;
      held = undefined;
      if (clock.monotonicMs() - sinceMs > CALM_MS) backoff.reset();
      restMs = backoff.next();
      if (!signal.aborted) logger.warn("this HAProxy is not announced any more, and will be again", { key, reason });
      wake.ring();
    });
    trouble = "";
    logger.info("announced this HAProxy to its peers", { key, value, store: store.name });
    if (before !== undefined && before.key !== key) await withdraw(before);
  }

  async function withdraw({ key, announcement }: Held): Promise<void> {
    try {
      await announcement.withdraw({ signal: new AbortController().signal, timeoutMs: WITHDRAW_MS });
      logger.info("this HAProxy is not announced any more", { key });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      logger.warn("this HAProxy could not be taken out of the store", { key, err: errorText(error) });
    }
  }

  function tell(error: unknown): void {
    const text = errorText(error);
    if (text === trouble) return;
    trouble = text;
    const hint = error instanceof AppError ? error.hint : undefined;
    logger.error("this HAProxy cannot be announced to its peers; it is tried again", { err: text, hint });
  }

  async function keep(): Promise<void> {
    while (!signal.aborted) {
      let waitMs: number | undefined;
      try {
        waitMs = await turn();
      } catch (error) {
        if (isAbort(error, signal)) break;
        tell(error);
        waitMs = backoff.next();
      }
      await wake.wait(waitMs, signal);
      // It was lost: the sooner after it was written, the more likely somebody else wants the key otherwise.
      if (held === undefined && restMs > 0) await clock.sleep(restMs, signal).catch(() => {});
      restMs = 0;
    }
    if (held !== undefined) await withdraw(held);
  }

  const done = keep();
  return {
    want(next) {
      wanted = next;
      wake.ring();
    },
    async end() {
      stop.abort(new Error("it is not to be announced any more"));
      await done;
    },
  };
}

/** Whether a value is that of an HAProxy at this host: what it was called is in the key. */
function isAt(value: string, place: Omit<Peer, "name">): boolean {
  try {
    const said = JSON.parse(value) as { readonly host?: unknown } | null;
    return said?.host === place.host;
  } catch {
    // Somebody wrote it by hand.
    return false;
  }
}
