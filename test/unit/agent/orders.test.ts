import { describe, expect, test } from "vitest";
import { followOrders } from "../../../src/agent/orders.ts";
import { AppError } from "../../../src/core/errors.ts";
import type { Store } from "../../../src/core/store.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { releaseLater } from "../../support/releases.ts";

const PREFIX = "haproxy-agent/maintenance/";
const RECOVER = "haproxy-agent/recover/";
const SERVER = "10.0.0.5:11211";
const WHO = { kind: "memcached", tag: "mem1" };
const ONE = { ...WHO, server: SERVER };
const AWAY = new AppError("E_STORE_UNREACHABLE", "nobody answers at consul://a");

/** A store that tells what the test says: pairs for a snapshot, an error for the end of the watch. */
function scriptedStore() {
  const script: (Readonly<Record<string, string>> | Error)[] = [];
  let wake = () => {};
  const never = () => Promise.reject(new Error("orders are only watched"));
  const store: Store = {
    name: "consul://a",
    get: never,
    list: never,
    put: never,
    delete: never,
    close: async () => {},
    async *watch(prefix, { signal }) {
      signal.addEventListener("abort", () => wake(), { once: true });
      for (;;) {
        signal.throwIfAborted();
        const next = script.shift();
        if (next instanceof Error) throw next;
        if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield { prefix, pairs: Object.entries(next).map(([key, value]) => ({ key, value, index: "1" })) };
      }
    },
  };
  return {
    store,
    tell(what: Readonly<Record<string, string>> | Error) {
      script.push(what);
      wake();
    },
  };
}

function setUp() {
  const clock = createFakeClock();
  const logger = createCaptureLogger();
  const stop = new AbortController();
  const { store, tell } = scriptedStore();
  let changes = 0;
  const book = followOrders(store, { clock, logger, signal: stop.signal, onChange: () => void changes++ });
  const end = async () => {
    stop.abort(new Error("over"));
    await book.ended;
  };
  releaseLater("orders", end);
  return {
    book,
    clock,
    logger,
    end,
    changes: () => changes,
    /** What the store holds from now on; `advance` lets the news arrive. */
    async tell(...news: Parameters<typeof tell>[0][]) {
      for (const what of news) tell(what);
      await clock.advance(0);
    },
  };
}

const maint = (reason: string, until?: string) => JSON.stringify({ state: "maint", reason, until });

describe("an order", () => {
  test("is not known before the store has told", async () => {
    const { book, tell, changes } = setUp();
    expect(book.current).toBe(false);
    expect(book.of(WHO)).toBeUndefined();
    await tell({});
    expect(book.current).toBe(true);
    expect(changes()).toBe(1);
    expect(book.of(WHO)).toBeUndefined();
    expect(book.recoveries(ONE)).toEqual([]);
  });

  test("for a tag is for all its servers, of its kind", async () => {
    const { book, tell } = setUp();
    await tell({ [`${PREFIX}memcached/mem1`]: maint("tag") });
    expect(book.of(WHO)).toMatchObject({ state: "maint", reason: "tag" });
    expect(book.of(ONE)?.reason).toBe("tag");
    expect(book.of({ ...WHO, tag: "mem2" })).toBeUndefined();
    expect(book.of({ ...WHO, kind: "redismaster" })).toBeUndefined();
  });

  test("without a kind is for every kind that has the tag", async () => {
    const { book, tell } = setUp();
    await tell({ [`${PREFIX}*/mem1`]: maint("tag") });
    expect(book.of(ONE)?.reason).toBe("tag");
    expect(book.of({ ...WHO, kind: "redismaster" })?.reason).toBe("tag");
    expect(book.of({ ...WHO, tag: "mem2" })).toBeUndefined();
  });

  test("for a server is for that server alone, and not for the tag as a whole", async () => {
    const { book, tell } = setUp();
    await tell({ [`${PREFIX}memcached/mem1@${SERVER}`]: maint("server") });
    expect(book.of(ONE)?.reason).toBe("server");
    expect(book.of({ ...WHO, server: "10.0.0.6:11211" })).toBeUndefined();
    expect(book.of(WHO)).toBeUndefined();
  });

  test("that is closer counts, and when it is taken back the next one does", async () => {
    const { book, tell } = setUp();
    const all: [string, string][] = [
      [`${PREFIX}memcached/mem1@${SERVER}`, maint("server of the kind")],
      [`${PREFIX}*/mem1@${SERVER}`, maint("server")],
      [`${PREFIX}memcached/mem1`, maint("tag of the kind")],
      [`${PREFIX}*/mem1`, maint("tag")],
    ];
    const counted: (string | undefined)[] = [];
    for (let left = [...all]; left.length > 0; left = left.slice(1)) {
      await tell(Object.fromEntries(left.toReversed()));
      counted.push(book.of(ONE)?.reason);
    }
    expect(counted).toEqual(["server of the kind", "server", "tag of the kind", "tag"]);
    await tell({});
    expect(book.of(ONE)).toBeUndefined();
  });

  test("ends by itself at the moment of its end, and a wider one counts again", async () => {
    const { book, tell, clock } = setUp();
    await tell({
      [`${PREFIX}memcached/mem1@${SERVER}`]: maint("for a minute", "2026-01-01T00:01:00Z"),
      [`${PREFIX}memcached/mem1`]: maint("tag"),
    });
    await clock.advance(59_999);
    expect(book.of(ONE)?.reason).toBe("for a minute");
    expect(book.all("memcached", "mem1")).toHaveLength(2);
    await clock.advance(1);
    expect(book.of(ONE)?.reason).toBe("tag");
    expect(book.all("memcached", "mem1").map(({ order }) => order.reason)).toEqual(["tag"]);
  });

  test("is listed with its server, for the tag that it concerns", async () => {
    const { book, tell } = setUp();
    await tell({
      [`${PREFIX}*/mem1`]: maint("every kind"),
      [`${PREFIX}memcached/mem1@${SERVER}`]: '{"state":"drain","by":"eva@db1"}',
      [`${PREFIX}memcached/mem2`]: maint("another tag"),
      [`${PREFIX}redismaster/mem1`]: maint("another kind"),
    });
    expect(book.all("memcached", "mem1")).toEqual([
      { server: undefined, order: expect.objectContaining({ state: "maint", reason: "every kind" }) },
      { server: SERVER, order: expect.objectContaining({ state: "drain", by: "eva@db1" }) },
    ]);
  });
});

describe("a recovery", () => {
  test("is known by its ids, of whatever words concern the server", async () => {
    const { book, tell } = setUp();
    await tell({
      [`${RECOVER}*/mem1`]: '{"id":"a"}',
      [`${RECOVER}memcached/mem1`]: '{"id":"b"}',
      [`${RECOVER}memcached/mem1@${SERVER}`]: '{"id":"c"}',
      [`${RECOVER}memcached/mem1@10.0.0.6:11211`]: '{"id":"d"}',
      [`${RECOVER}memcached/mem2`]: '{"id":"e"}',
    });
    expect([...book.recoveries(ONE)].sort()).toEqual(["a", "b", "c"]);
  });
});

describe("what is wrong in the store", () => {
  test("is told once by its key and not heeded, and the rest goes on", async () => {
    const { book, tell, logger } = setUp();
    const wrong = {
      [`${PREFIX}memcached/mem1`]: "maintenance please",
      [`${PREFIX}memcached/mem1@nobody`]: maint("x"),
      [`${RECOVER}memcached/mem1`]: "{}",
      "haproxy-agent/else": "x",
    };
    await tell({ ...wrong, [`${PREFIX}*/mem1`]: maint("good") }, wrong, {
      ...wrong,
      [`${PREFIX}*/mem1`]: maint("good"),
    });
    expect(book.of(ONE)?.reason).toBe("good");
    expect(logger.messages("warn")).toEqual([
      `orders by hand: ${PREFIX}memcached/mem1 is not heeded: it is not a JSON object`,
      `orders by hand: ${PREFIX}memcached/mem1@nobody is not heeded: it is not the key of an order`,
      `orders by hand: ${RECOVER}memcached/mem1 is not heeded: it has no "id"`,
      "orders by hand: haproxy-agent/else is not heeded: it is not the key of an order",
    ]);
  });

  test("is told again when it is wrong anew", async () => {
    const { tell, logger } = setUp();
    const wrong = { [`${PREFIX}memcached/mem1`]: "x" };
    await tell(wrong, { [`${PREFIX}memcached/mem1`]: "[]" }, {}, wrong);
    expect(logger.messages("warn")).toHaveLength(2);
  });
});

describe("a store that is away", () => {
  test("changes nothing, is told once, and is followed again when it is back", async () => {
    const { book, tell, clock, logger } = setUp();
    await tell({ [`${PREFIX}memcached/mem1`]: maint("before") }, AWAY);
    expect(book.of(WHO)?.reason).toBe("before");
    expect(book.current).toBe(false);
    for (let tries = 0; tries < 5; tries++) {
      await tell(AWAY);
      await clock.advance(10_000);
    }
    expect(book.of(WHO)?.reason).toBe("before");
    expect(logger.messages("warn")).toEqual([
      "orders by hand: nobody answers at consul://a; those that are known stay in force",
    ]);
    await tell({ [`${PREFIX}memcached/mem1`]: maint("after") });
    await clock.advance(10_000);
    expect(book.of(WHO)?.reason).toBe("after");
    expect(book.current).toBe(true);
    expect(logger.messages("info")).toEqual(["orders by hand: consul://a answers again"]);
  });

  test("does not keep an order beyond its end", async () => {
    const { book, tell, clock } = setUp();
    await tell({ [`${PREFIX}memcached/mem1`]: maint("x", "2026-01-01T00:01:00Z") }, AWAY);
    await clock.advance(60_000);
    expect(book.of(WHO)).toBeUndefined();
  });

  test("is not asked without a pause", async () => {
    const { tell, clock, book } = setUp();
    for (let tries = 0; tries < 100; tries++) await tell(AWAY);
    expect(clock.sleepers).toBe(1);
    expect(clock.nextInMs).toBeGreaterThanOrEqual(50);
    expect(book.current).toBe(false);
  });

  test("is followed no more when it is told to stop, also in a pause", async () => {
    const { tell, end, clock } = setUp();
    await tell(AWAY);
    await end();
    expect(clock.sleepers).toBe(0);
  });
});
