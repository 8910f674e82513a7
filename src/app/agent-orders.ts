import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../config/resolve.ts";
import { storeOptions } from "../config/store.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Order } from "../core/order.ts";
import {
  composeOrder,
  ORDERS_PREFIX,
  type OrderSubject,
  orderKey,
  parseOrder,
  parseOrderKey,
} from "../core/order-value.ts";
import type { Snapshot, Store } from "../core/store.ts";
import { openStore } from "../stores/open.ts";

/** An order as it stands in the store. */
export interface FiledOrder {
  readonly key: string;
  readonly subject: OrderSubject;
  readonly order: Order;
}

/** The orders in a store, for the command line. Every method rejects with E_STORE_*. */
export interface OrderDesk {
  /** Where they are kept, for people. */
  readonly where: string;
  /** Those in force; expired ones are removed on the way. */
  list(): Promise<readonly FiledOrder[]>;
  give(subject: OrderSubject, order: Order): Promise<void>;
  /** False: there was none for exactly this subject. */
  takeBack(subject: OrderSubject): Promise<boolean>;
  /** Lets go of who is held down by `--manual-recovery`. */
  recover(subject: OrderSubject, by: string): Promise<void>;
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

/**
 * Opens the store that is named, else the folder in which the agents of this machine read orders that have no store
 * either. Throws E_USAGE where there is no such folder: then there is no such agent.
 */
export async function openOrderDesk(values: Values, stateDir: string, world: OrderWorld): Promise<OrderDesk> {
  const store = await openOrdersStore(values, stateDir, world);
  const call = { signal: world.stop, timeoutMs: STORE_TIMEOUT_MS };
  return {
    where: store.name,
    list: async () => inForce(await store.list(ORDERS_PREFIX, call), store, world),
    async give(subject, order) {
      await store.put(orderKey("maintenance", subject), composeOrder(order), call);
    },
    async takeBack(subject) {
      const key = orderKey("maintenance", subject);
      if ((await store.get(key, call)) === undefined) return false;
      return store.delete(key, call);
    },
    async recover(subject, by) {
      const at = new Date(world.clock.wallMs()).toISOString();
      await store.put(orderKey("recover", subject), JSON.stringify({ id: randomUUID(), by, at }), call);
    },
    close: () => store.close(),
  };
}

function openOrdersStore(values: Values, stateDir: string, world: OrderWorld): Promise<Store> {
  if (values["store"] !== undefined || values["consul"] !== undefined) return openStore(storeOptions(values), world);
  const folder = join(stateDir, "agent-orders");
  if (!existsSync(folder)) {
    throw new AppError(
      "E_USAGE",
      `no store is named, and no agent without a store has run here (${folder} is not there)`,
      {
        hint: "name the store of the checkers, e.g. --consul localhost:8500, or their --state-dir",
      },
    );
  }
  return openStore({ type: "file", path: folder }, world);
}

async function inForce({ pairs }: Snapshot, store: Store, { clock, stop }: OrderWorld): Promise<readonly FiledOrder[]> {
  const filed: FiledOrder[] = [];
  for (const { key, value, index } of pairs) {
    const what = parseOrderKey(key);
    const result = what?.sort === "maintenance" ? parseOrder(value) : undefined;
    if (what === undefined || result === undefined || !("order" in result)) continue;
    const { order } = result;
    const isOver = order.untilMs !== undefined && order.untilMs <= clock.wallMs();
    if (isOver) await store.delete(key, { signal: stop, timeoutMs: STORE_TIMEOUT_MS, ifIndex: index });
    else filed.push({ key, subject: what.subject, order });
  }
  return filed;
}
