import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Order } from "../core/order.ts";
import { ORDERS_PREFIX, type OrderSubject, parseOrder, parseOrderKey, parseRecovery } from "../core/order-value.ts";
import type { StandingOrder } from "../core/status.ts";
import type { Snapshot, Store } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";

/** Who is asked about. */
export interface Whom {
  readonly kind: string;
  readonly tag: string;
  /** `host:port`; undefined: the tag as a whole. */
  readonly server?: string | undefined;
}

/** What people have said by hand, as far as it is known. */
export interface OrderBook {
  /** The store has told at least once. */
  readonly known: boolean;
  /** What is in force now: an order for the server before one for its tag, one with the kind before one without. */
  of(who: Whom): Order | undefined;
  /** All that is in force now for the tag and its servers. */
  all(kind: string, tag: string): readonly StandingOrder[];
  /** Another text after each `agent recover` that concerns the server; undefined: there was none. */
  recovery(who: Whom & { readonly server: string }): string | undefined;
}

/** What following works with. */
export interface OrdersDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** The orders or recoveries are others than before. */
  onChange(): void;
}

/** Between two tries to read the store; an order may be that late when it comes back, ms. */
const RETRY = { firstMs: 100, maxMs: 5_000 };

/** Each request to the store, ms. */
const STORE_TIMEOUT_MS = 10_000;

interface Pages {
  readonly orders: ReadonlyMap<string, Order>;
  readonly recoveries: ReadonlyMap<string, string>;
  readonly subjects: readonly { readonly subject: OrderSubject; readonly order: Order }[];
}

const EMPTY: Pages = { orders: new Map(), recoveries: new Map(), subjects: [] };

/** Follows what is said in the store until the signal aborts; what is known stays in force while the store is away. */
export function followOrders(store: Store, deps: OrdersDeps): OrderBook & { readonly ended: Promise<void> } {
  const { clock } = deps;
  const read = createReader(deps.logger);
  let pages = EMPTY;
  let known = false;
  const learn = (snapshot: Snapshot) => {
    pages = read(snapshot);
    known = true;
    deps.onChange();
  };
  const inForce = (order: Order | undefined) => (isOver(order, clock.wallMs()) ? undefined : order);
  return {
    ended: follow(store, learn, deps),
    get known() {
      return known;
    },
    of({ kind, tag, server }) {
      if (pages.orders.size === 0) return undefined;
      for (const name of namesOf({ kind, tag, server })) {
        const order = inForce(pages.orders.get(name));
        if (order !== undefined) return order;
      }
      return undefined;
    },
    all: (kind, tag) =>
      pages.subjects
        .filter(({ subject, order }) => concerns(subject, kind, tag) && inForce(order) !== undefined)
        .map(({ subject, order }) => ({ server: subject.server, order })),
    recovery({ kind, tag, server }) {
      const ids = namesOf({ kind, tag, server }).flatMap((name) => pages.recoveries.get(name) ?? []);
      return ids.length === 0 ? undefined : ids.join(" ");
    },
  };
}

async function follow(
  store: Store,
  learn: (snapshot: Snapshot) => void,
  { clock, logger, signal }: OrdersDeps,
): Promise<void> {
  const backoff = createBackoff(RETRY);
  let failing = false;
  while (!signal.aborted) {
    try {
      for await (const snapshot of store.watch(ORDERS_PREFIX, { signal, timeoutMs: STORE_TIMEOUT_MS })) {
        backoff.reset();
        if (failing) logger.info(`orders by hand: ${store.name} answers again`);
        failing = false;
        learn(snapshot);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!failing) {
        const meanwhile = "those known stay in force";
        logger.warn(
          `orders by hand (${ORDERS_PREFIX}) cannot be read from ${store.name}: ${errorText(error)}; ${meanwhile}`,
        );
      }
      failing = true;
    }
    await clock.sleep(backoff.next(), signal).catch(() => {});
  }
}

/** Warns of each value that cannot be read, once for each of its problems. */
function createReader(logger: Logger): (snapshot: Snapshot) => Pages {
  const told = new Map<string, string>();
  const warn = (key: string, problem: string) => {
    if (told.get(key) !== problem) logger.warn(`orders by hand: ${key} is not heeded: ${problem}`, { key });
    told.set(key, problem);
  };
  return ({ pairs }) => {
    const pages = { orders: new Map<string, Order>(), recoveries: new Map<string, string>(), subjects: [] };
    for (const { key, value } of pairs) {
      const problem = enter(pages, key, value);
      if (problem === undefined) told.delete(key);
      else warn(key, problem);
    }
    return pages;
  };
}

interface OpenPages {
  readonly orders: Map<string, Order>;
  readonly recoveries: Map<string, string>;
  readonly subjects: { subject: OrderSubject; order: Order }[];
}

/** Returns what is wrong with it. */
function enter({ orders, recoveries, subjects }: OpenPages, key: string, value: string): string | undefined {
  const what = parseOrderKey(key);
  if (what === undefined) return "it is not the key of an order";
  const { sort, subject } = what;
  const result = sort === "recover" ? parseRecovery(value) : parseOrder(value);
  if ("problem" in result) return result.problem;
  if ("id" in result) {
    recoveries.set(nameOf(subject), result.id);
    return undefined;
  }
  orders.set(nameOf(subject), result.order);
  subjects.push({ subject, order: result.order });
  return undefined;
}

function isOver(order: Order | undefined, nowMs: number): boolean {
  return order?.untilMs !== undefined && order.untilMs <= nowMs;
}

function concerns(subject: OrderSubject, kind: string, tag: string): boolean {
  return subject.tag === tag && (subject.kind === undefined || subject.kind === kind);
}

/** All that may be said of whom it is asked about, what counts more first. */
function namesOf({ kind, tag, server }: Whom): readonly string[] {
  const names = [`${kind}/${tag}`, `*/${tag}`];
  return server === undefined ? names : [...names.map((name) => `${name}@${server}`), ...names];
}

function nameOf({ kind = "*", tag, server }: OrderSubject): string {
  return server === undefined ? `${kind}/${tag}` : `${kind}/${tag}@${server}`;
}
