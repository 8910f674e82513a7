import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createLatches } from "../../src/agent/latches.ts";
import { openNotes } from "../../src/agent/notes.ts";
import { followOrders, type OrderBook } from "../../src/agent/orders.ts";
import { type OrderDesk, openOrderDesk } from "../../src/app/agent-orders.ts";
import type { Values } from "../../src/config/resolve.ts";
import { storeOptions } from "../../src/config/store.ts";
import type { Order } from "../../src/core/order.ts";
import { type OrderSubject, orderKey, parseSubject } from "../../src/core/order-subject.ts";
import { composeOrder } from "../../src/core/order-value.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

const HOUR_MS = 3_600_000;
const STATE_DIR = "/nowhere";
const SERVER = "10.0.0.5:11211";
const WHO = { kind: "memcached", tag: "mem1", server: SERVER };

function order(reason: string, more: Partial<Order> = {}): Order {
  const sinceMs = systemClock.wallMs();
  return { state: "maint", reason, by: "eva@db1", sinceMs, untilMs: undefined, ...more };
}

/** As `confd-haproxy agent …` with these flags; `fastMs`: its clock is so much fast. */
async function openDesk(values: Values, fastMs = 0): Promise<OrderDesk> {
  const clock = { ...systemClock, wallMs: () => systemClock.wallMs() + fastMs };
  const desk = await openOrderDesk(values, STATE_DIR, {
    clock,
    logger: createCaptureLogger(),
    stop: new AbortController().signal,
  });
  releaseLater("desk", () => desk.close());
  return desk;
}

/** What an agent with these flags knows. */
async function openBook(values: Values, onChange = () => {}) {
  const logger = createCaptureLogger();
  const stop = new AbortController();
  const store = await openStore(storeOptions(values), { clock: systemClock, logger });
  const book = followOrders(store, { clock: systemClock, logger, signal: stop.signal, onChange });
  releaseLater("book", async () => {
    stop.abort(new Error("the test is over"));
    await book.ended;
    await store.close();
  });
  return { book, logger };
}

const words = (book: OrderBook) => book.of(WHO)?.reason ?? "none";
const consulFlags = (consul: Consul, token?: string): Values => ({ consul: consul.server, token });

describe.each<[string, () => Promise<Values>]>([
  ["Consul", async () => consulFlags(await startConsul())],
  ["a folder", async () => ({ store: `file:${tempDir("orders")}` })],
])("orders by hand in %s", (_, start) => {
  test.each<[string, OrderSubject]>([
    ["for a tag of every kind", parseSubject("mem1")],
    ["for a tag of one kind", parseSubject("memcached/mem1")],
    ["for a server", parseSubject(`memcached/mem1/${SERVER}`)],
    ["for a server of every kind", parseSubject(`*/mem1/${SERVER}`)],
  ])("reach two agents within moments, and leave them: %s", async (__, subject) => {
    const flags = await start();
    const desk = await openDesk(flags);
    const books = [(await openBook(flags)).book, (await openBook(flags)).book];
    expect(await desk.give(subject, order("disk swap"))).toBeUndefined();
    for (const book of books) {
      await eventually("it is obeyed", () => book.of(WHO)?.reason === "disk swap");
      expect(book.of({ ...WHO, tag: "mem2" })).toBeUndefined();
    }
    expect(await desk.takeBack(subject)).toMatchObject({ subject, isOver: false, order: { reason: "disk swap" } });
    for (const book of books) await eventually("it is over", () => book.of(WHO) === undefined);
    expect(await desk.takeBack(subject)).toBeUndefined();
  });

  test("are there for an agent that starts later, over IPv6 too", async () => {
    const flags = await start();
    const subject = parseSubject("memcached/mem1/[2001:db8::5]:11211");
    await (await openDesk(flags)).give(subject, order("disk swap"));
    const { book } = await openBook(flags);
    await eventually("it is known", () => book.of({ ...WHO, server: "[2001:db8::5]:11211" })?.reason === "disk swap");
    expect(book.of(WHO)).toBeUndefined();
  });

  test("given by many at once replace one another, none unseen", async () => {
    const flags = await start();
    const desks = await Promise.all(Array.from({ length: 6 }, () => openDesk(flags)));
    const subject = parseSubject("memcached/mem1");
    const given = await Promise.all(desks.map((desk, i) => desk.give(subject, order(`order ${i}`))));
    const last = await desks[0]?.takeBack(subject);
    const seen = [...given, last].map((before) =>
      before !== undefined && "order" in before ? before.order.reason : "none",
    );
    expect(seen.toSorted()).toEqual(["none", ...desks.map((__, i) => `order ${i}`)]);
  });

  test("are listed, and removed an hour after their end", async () => {
    const flags = await start();
    const desk = await openDesk(flags);
    const untilMs = systemClock.wallMs() + HOUR_MS;
    await desk.give(parseSubject("mem1"), order("endless"));
    await desk.give(parseSubject("memcached/mem1"), order("for an hour", { untilMs }));
    const list = async (fastMs: number) =>
      (await (await openDesk(flags, fastMs)).list()).orders.map(({ order: { reason }, isOver }) => [reason, isOver]);
    const endless = ["endless", false];
    expect(await list(0)).toEqual([endless, ["for an hour", false]]);
    expect(await list(1.5 * HOUR_MS)).toEqual([endless, ["for an hour", true]]);
    expect(await list(2.5 * HOUR_MS)).toEqual([endless, ["for an hour", true]]);
    expect(await list(0)).toEqual([endless]);
  });

  test("that nobody understands are listed as such, and can be taken back", async () => {
    const flags = await start();
    const store = await openStore(storeOptions(flags), { clock: systemClock, logger: createCaptureLogger() });
    releaseLater("store", () => store.close());
    const subject = parseSubject("memcached/mem1");
    const key = orderKey("maintenance", subject);
    await store.put(key, "maintenance please", { signal: new AbortController().signal });
    const desk = await openDesk(flags);
    const problem = "it is not a JSON object";
    expect(await desk.list()).toEqual({ orders: [], problems: [{ key, problem }] });
    expect(await desk.takeBack(subject)).toEqual({ problem });
    expect(await desk.list()).toEqual({ orders: [], problems: [] });
  });

  test("recover lets go of who is held in every agent, each time it is said", async () => {
    const flags = await start();
    const desk = await openDesk(flags);
    const agents = [];
    for (const name of ["a", "b"]) {
      let book: OrderBook | undefined;
      const notes = openNotes(tempDir(name));
      const latches = createLatches({ notes, book: () => book, logger: createCaptureLogger() });
      ({ book } = await openBook(flags, () => void latches.review()));
      await eventually("the store has told", () => book?.current);
      agents.push(latches.of(WHO.kind, WHO.tag));
    }
    for (const subject of ["mem1", "memcached/mem1", `memcached/mem1/${SERVER}`, "mem1"]) {
      for (const latch of agents) latch.hold(SERVER, "lag");
      await desk.recover(parseSubject("memcached/mem2"), "eva@db1");
      await desk.recover(parseSubject("redismaster/mem1"), "eva@db1");
      expect(agents.map((latch) => latch.held(SERVER))).toEqual(["lag", "lag"]);
      await desk.recover(parseSubject(subject), "eva@db1");
      for (const latch of agents) await eventually(`${subject} lets go`, () => latch.held(SERVER) === undefined);
    }
  });

  test("know which tags have entries, for the spelling", async () => {
    const flags = await start();
    const desk = await openDesk(flags);
    expect(await desk.tags()).toEqual([]);
    const store = await openStore(storeOptions(flags), { clock: systemClock, logger: createCaptureLogger() });
    releaseLater("store", () => store.close());
    const call = { signal: new AbortController().signal };
    for (const key of ["memcached/mem1", "redismaster/mem1", "redismaster/r1"]) {
      await store.put(`haproxy/${key}`, "{}", call);
    }
    expect(await desk.tags()).toEqual(["mem1", "r1"]);
  });
});

describe("a store that goes away and comes back", () => {
  test("Consul: the orders known stay in force, and new ones are heard when it is back", async () => {
    const consul = await startConsul({ persistent: true });
    const flags = consulFlags(consul);
    const desk = await openDesk(flags);
    const { book, logger } = await openBook(flags);
    await desk.give(parseSubject("mem1"), order("before"));
    await eventually("it is obeyed", () => words(book) === "before");
    await consul.kill();
    await eventually("it is told", () => logger.messages("warn").length > 0);
    expect(logger.messages("warn")).toEqual([expect.stringMatching(/^orders by hand: .*those that are known stay/)]);
    expect([words(book), book.current]).toEqual(["before", false]);
    await expect(desk.give(parseSubject("mem1"), order("lost"))).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    await consul.restart();
    await eventually("the book is current", () => book.current);
    expect(words(book)).toBe("before");
    await desk.give(parseSubject("mem1"), order("after"));
    await eventually("it is heard", () => words(book) === "after");
    expect(logger.messages("info")).toEqual([expect.stringContaining("answers again")]);
  });

  test("a folder: the same", async () => {
    const folder = join(tempDir("orders"), "entries");
    mkdirSync(folder);
    const flags = { store: `file:${folder}` };
    const { book, logger } = await openBook(flags);
    await (await openDesk(flags)).give(parseSubject("mem1"), order("before"));
    await eventually("it is obeyed", () => words(book) === "before");
    renameSync(folder, `${folder}.away`);
    await eventually("it is told", () => logger.messages("warn").length > 0);
    expect([words(book), book.current]).toEqual(["before", false]);
    const path = join(`${folder}.away`, orderKey("maintenance", parseSubject("mem1")));
    writeFileSync(path, composeOrder(order("after")));
    renameSync(`${folder}.away`, folder);
    await eventually("it is heard", () => words(book) === "after");
    expect(book.current).toBe(true);
  });
});

describe("a token of Consul", () => {
  test("that may not read orders is told of, and is never taken for a store without orders", async () => {
    const consul = await startConsul({ acl: true });
    const token = await consul.createToken("checker", 'key_prefix "haproxy/" { policy = "write" }');
    const { book, logger } = await openBook(consulFlags(consul, token));
    await eventually("it is told", () => logger.messages("warn").length > 0);
    expect(book.current).toBe(false);
    expect(logger.messages("warn")[0]).toMatch(/haproxy-agent\//);
    await expect((await openDesk(consulFlags(consul, token))).list()).rejects.toMatchObject({ code: "E_STORE_DENIED" });
  });

  test("that may only read lists what is there, also what is over for long", async () => {
    const consul = await startConsul({ acl: true });
    const admin = await openDesk(consulFlags(consul, consul.token));
    await admin.give(parseSubject("mem1"), order("old", { untilMs: systemClock.wallMs() - 2 * HOUR_MS }));
    const token = await consul.createToken("reader", 'key_prefix "haproxy-agent/" { policy = "read" }');
    const desk = await openDesk(consulFlags(consul, token));
    expect((await desk.list()).orders).toHaveLength(1);
    expect(await desk.tags()).toEqual([]);
    await expect(desk.give(parseSubject("mem1"), order("x"))).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    await expect(desk.recover(parseSubject("mem1"), "x")).rejects.toMatchObject({ code: "E_STORE_DENIED" });
  });

  test("needs no more than to write below haproxy-agent/ to give orders", async () => {
    const consul = await startConsul({ acl: true });
    const token = await consul.createToken("operator", 'key_prefix "haproxy-agent/" { policy = "write" }');
    const desk = await openDesk(consulFlags(consul, token));
    await desk.give(parseSubject("mem1"), order("disk swap"));
    await desk.recover(parseSubject("mem1"), "eva@db1");
    expect((await desk.list()).orders).toHaveLength(1);
    expect(await desk.takeBack(parseSubject("mem1"))).toBeDefined();
  });
});
