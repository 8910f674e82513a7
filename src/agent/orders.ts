import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Order } from "../core/order.ts";
import { ORDERS_PREFIX, type OrderSubject, overlap, parseOrderKey } from "../core/order-subject.ts";
import { isOver, parseOrder, parseRecovery } from "../core/order-value.ts";
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
  /** The store's name: what is known is from there. */
  readonly source: string;
  /** The store has told, and is not known to be away: what is known is what it holds. */
  readonly current: boolean;
  /** What is in force now: an order for the server before one for its tag, one with the kind before one without. */
  of(who: Whom): Order | undefined;
  /** All that is in force now for the tag and its servers. */
  all(kind: string, tag: string): readonly StandingOrder[];
  /** The ids of all that `agent recover` has said that concerns the server: each time there is a new one among them. */
  recoveries(who: Whom & { readonly server: string }): readonly string[];
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
  let current = false;
  const listener: Listener = {
    learn(snapshot) {
      pages = read(snapshot);
      current = true;
      deps.onChange();
    },
    lose() {
      current = false;
    },
  };
  const inForce = (order: Order | undefined) =>
    order === undefined || isOver(order, clock.wallMs()) ? undefined : order;
  return {
    source: store.name,
    ended: follow(store, listener, deps),
    get current() {
      return current;
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
        .filter(({ subject, order }) => overlap(subject, { kind, tag, server: undefined }) && inForce(order))
        .map(({ subject, order }) => ({ server: subject.server, order })),
    recoveries: (who) => namesOf(who).flatMap((name) => pages.recoveries.get(name) ?? []),
  };
}

interface Listener {
  learn(snapshot: Snapshot): void;
  lose(): void;
}

async function follow(store: Store, listener: Listener, { clock, logger, signal }: OrdersDeps): Promise<void> {
  const backoff = createBackoff(RETRY);
  let failing = false;
  while (!signal.aborted) {
    try {
      for await (const snapshot of store.watch(ORDERS_PREFIX, { signal, timeoutMs: STORE_TIMEOUT_MS })) {
        backoff.reset();
        if (failing) logger.info(`orders by hand: ${store.name} answers again`);
        failing = false;
        listener.learn(snapshot);
      }
    } catch (error) {
      if (signal.aborted) return;
      listener.lose();
      if (!failing) logger.warn(`orders by hand: ${errorText(error)}; those that are known stay in force`);
      failing = true;
    }
    await clock.sleep(backoff.next(), signal).catch(() => {});
  }
}

/** Warns of each value that cannot be read, once for each of its problems. */
function createReader(logger: Logger): (snapshot: Snapshot) => Pages {
  let told: ReadonlyMap<string, string> = new Map();
  return ({ pairs }) => {
    const pages = { orders: new Map<string, Order>(), recoveries: new Map<string, string>(), subjects: [] };
    const problems = new Map<string, string>();
    for (const { key, value } of pairs) {
      const problem = enter(pages, key, value);
      if (problem === undefined) continue;
      problems.set(key, problem);
      if (told.get(key) !== problem) logger.warn(`orders by hand: ${key} is not heeded: ${problem}`, { key });
    }
    told = problems;
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

/** All that may be said of whom it is asked about, what counts more first. */
function namesOf({ kind, tag, server }: Whom): readonly string[] {
  const names = [`${kind}/${tag}`, `*/${tag}`];
  return server === undefined ? names : [...names.map((name) => `${name}@${server}`), ...names];
}

function nameOf({ kind = "*", tag, server }: OrderSubject): string {
  return server === undefined ? `${kind}/${tag}` : `${kind}/${tag}@${server}`;
}
