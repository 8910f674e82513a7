import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Values } from "../config/resolve.ts";
import { ordersFolder } from "../config/state-dir.ts";
import { storeOptions } from "../config/store.ts";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Order } from "../core/order.ts";
import { ORDERS_PREFIX, type OrderSubject, orderKey, parseOrderKey } from "../core/order-subject.ts";
import { composeOrder, composeRecovery, isOver, parseOrder } from "../core/order-value.ts";
import { isPeerKey } from "../core/peers.ts";
import { ABSENT, type Pair, type Store } from "../core/store.ts";
import { openStore } from "../stores/open.ts";

/** An order as it stands in the store. */
export interface FiledOrder {
  readonly subject: OrderSubject;
  readonly order: Order;
  /** It has ended by itself. */
  readonly isOver: boolean;
}

/** All that is said of maintenance. */
export interface FiledOrders {
  readonly orders: readonly FiledOrder[];
  readonly problems: readonly (Unreadable & { readonly key: string })[];
}

/** A value that no agent heeds, and why. */
interface Unreadable {
  readonly problem: string;
}

/** What stood under a key. */
export type Before = FiledOrder | Unreadable | undefined;

/** The orders in a store, for the command line. Every method rejects with E_STORE_*. */
export interface OrderDesk {
  /** Where they are kept, for people. */
  readonly where: string;
  /** It is the folder of this machine, because no store is named. */
  readonly isLocal: boolean;
  /** Those that have been over for an hour are removed on the way, where that is allowed. */
  list(): Promise<FiledOrders>;
  /** Resolves to what it replaces. */
  give(subject: OrderSubject, order: Order): Promise<Before>;
  /** Removes what stands for exactly this subject; resolves to what that was. */
  takeBack(subject: OrderSubject): Promise<Before>;
  /** Lets go of who is held down by `--manual-recovery`. */
  recover(subject: OrderSubject, by: string): Promise<void>;
  /** Of all entries in the store; empty where there are none, or they may not be read. */
  tags(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What it is opened with. */
export interface OrderWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/** Each request to the store, ms. */
const STORE_TIMEOUT_MS = 10_000;

/** The clock of whoever lists may be fast: an order that is over only by that clock is left alone, ms. */
const KEPT_MS = 3_600_000;

/** Each lost race is somebody else's order; nobody gives so many at once. */
const MOST_RACES = 20;

interface Place {
  readonly store: Store;
  readonly call: Call;
  readonly world: OrderWorld;
}

/**
 * Opens the store that is named, else the folder in which the agents of this machine read orders that have no store
 * either. Throws E_USAGE where there is no such folder: then there is no such agent.
 */
export async function openOrderDesk(values: Values, stateDir: string, world: OrderWorld): Promise<OrderDesk> {
  const isLocal = values["store"] === "none" || (values["store"] ?? values["consul"]) === undefined;
  const store = await openStore(isLocal ? localFolder(stateDir) : storeOptions(values), world);
  const place: Place = { store, call: { signal: world.stop, timeoutMs: STORE_TIMEOUT_MS }, world };
  return {
    where: store.name,
    isLocal,
    list: () => list(place),
    give: (subject, order) => change(place, subject, composeOrder(order)),
    takeBack: (subject) => change(place, subject, undefined),
    async recover(subject, by) {
      const value = composeRecovery({ id: randomUUID() }, by, world.clock.wallMs());
      await store.put(orderKey("recover", subject), value, place.call);
    },
    tags: () => tagsOf(place),
    close: () => store.close(),
  };
}

/** Writes, or with undefined removes, only what was seen to stand there: whoever takes an order back is told whose. */
async function change(
  { store, call, world }: Place,
  subject: OrderSubject,
  value: string | undefined,
): Promise<Before> {
  const key = orderKey("maintenance", subject);
  for (let races = 0; races < MOST_RACES; races++) {
    const pair = await store.get(key, call);
    if (value === undefined && pair === undefined) return undefined;
    const onlyIf = { ...call, ifIndex: pair?.index ?? ABSENT };
    const won = await (value === undefined ? store.delete(key, onlyIf) : store.put(key, value, onlyIf));
    if (won) return pair === undefined ? undefined : readPair(pair, world.clock.wallMs());
  }
  throw new AppError("E_STORE_INVALID", `${key} in ${store.name} is changed by others all the time`);
}

async function list(place: Place): Promise<FiledOrders> {
  const { store, call, world } = place;
  const orders: FiledOrder[] = [];
  const problems: { key: string; problem: string }[] = [];
  for (const pair of (await store.list(`${ORDERS_PREFIX}maintenance/`, call)).pairs) {
    const filed = readPair(pair, world.clock.wallMs());
    if ("problem" in filed) {
      problems.push({ key: pair.key, ...filed });
      continue;
    }
    orders.push(filed);
    if (isOver(filed.order, world.clock.wallMs() - KEPT_MS)) await remove(place, pair);
  }
  return { orders, problems };
}

/** To tidy up is no part of what was asked for: whoever may only read is shown the orders all the same. */
async function remove({ store, call, world }: Place, { key, index }: Pair): Promise<void> {
  try {
    await store.delete(key, { ...call, ifIndex: index });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    world.logger.debug(`${key} is over, and cannot be removed: ${errorText(error)}`);
  }
}

async function tagsOf({ store, call, world }: Place): Promise<readonly string[]> {
  try {
    const { pairs } = await store.list("haproxy/", call);
    const entries = pairs.filter(({ key }) => !isPeerKey(key));
    return [...new Set(entries.map(({ key }) => key.slice(key.lastIndexOf("/") + 1)))];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    world.logger.debug(`which tags have entries cannot be told: ${errorText(error)}`);
    return [];
  }
}

function localFolder(stateDir: string): { readonly type: "file"; readonly path: string } {
  const path = ordersFolder(stateDir);
  if (existsSync(path)) return { type: "file", path };
  throw new AppError("E_USAGE", `no store is named, and no agent without a store has run here (there is no ${path})`, {
    hint: "name the store of the checkers, e.g. --consul localhost:8500, or their --state-dir",
  });
}

function readPair({ key, value }: Pair, nowMs: number): FiledOrder | Unreadable {
  const what = parseOrderKey(key);
  if (what === undefined) return { problem: "it is not the key of an order" };
  const result = parseOrder(value);
  if ("problem" in result) return result;
  return { subject: what.subject, order: result.order, isOver: isOver(result.order, nowMs) };
}
