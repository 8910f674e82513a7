import { mkdirSync } from "node:fs";
import { followOrders, type OrderBook } from "../agent/orders.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Store } from "../core/store.ts";
import { openStore } from "../stores/open.ts";

/** Where the orders that people give by hand are read: in the store of the entries, else in a folder of this machine. */
export interface Obedience {
  /** Undefined before {@link Obedience.follow}. Until a new store has told, what the one before it said stays in force. */
  readonly book: OrderBook | undefined;
  /** A store has told since the start, or there is none in which anybody could say anything. */
  readonly isKnown: boolean;
  /** Reads orders there from now on, and nowhere else any more. */
  follow(store: Store | undefined): Promise<void>;
  /** Reads no more: the store is about to be closed. What was known stays in force. */
  rest(): Promise<void>;
}

/** What it works with. */
export interface ObedienceDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of orders, where there is no store. */
  readonly folder: string;
  onChange(): void;
}

/** Reads nothing yet. */
export function createObedience({ clock, logger, folder, onChange }: ObedienceDeps): Obedience {
  let current: { readonly book: OrderBook; stop(): Promise<void> } | undefined;
  let before: OrderBook | undefined;
  let isKnown = false;

  async function openFolder(): Promise<Store | undefined> {
    try {
      mkdirSync(folder, { recursive: true });
      return await openStore({ type: "file", path: folder }, { clock, logger });
    } catch (error) {
      const why = `${folder} cannot be used: ${errorText(error)}`;
      logger.warn(`without a store and without a state folder nobody can give orders by hand (${why})`, {
        hint: "name a folder that can be written with --state-dir",
      });
      return undefined;
    }
  }

  return {
    get book() {
      return before ?? current?.book;
    },
    get isKnown() {
      return isKnown;
    },
    async follow(store) {
      await current?.stop();
      const last = before ?? current?.book;
      before = last && lastWordsOf(last);
      current = undefined;
      const own = store === undefined ? await openFolder() : undefined;
      const read = store ?? own;
      if (read === undefined) {
        before = undefined;
        isKnown = true;
        return;
      }
      const stopped = new AbortController();
      const deps = { clock, logger, signal: stopped.signal };
      const book = followOrders(read, {
        ...deps,
        onChange() {
          before = undefined;
          isKnown = true;
          onChange();
        },
      });
      current = {
        book,
        async stop() {
          stopped.abort(new Error("orders are not followed here any more"));
          await book.ended;
          await own?.close();
        },
      };
    },
    async rest() {
      const last = current?.book;
      before ??= last && lastWordsOf(last);
      await current?.stop();
      current = undefined;
    },
  };
}

/** What a store said that is not followed any more. */
function lastWordsOf({ source, of, all, recoveries }: OrderBook): OrderBook {
  return { source, current: false, of, all, recoveries };
}
