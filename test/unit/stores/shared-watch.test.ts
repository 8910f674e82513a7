import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AppError } from "../../../src/core/errors.ts";
import type { Pair, Snapshot, Store } from "../../../src/core/store.ts";
import { createSharedWatch } from "../../../src/stores/shared-watch.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";

const FOLDER = "haproxy/memcached/";

/** A store of which only the watch is asked; its watches are driven by hand. */
function createDrivenStore() {
  const values = new Map<string, Pair>();
  const watches: string[] = [];
  let open = 0;
  let index = 0;
  let broken: AppError | undefined;
  let waiters: (() => void)[] = [];
  const wake = () => {
    const woken = waiters;
    waiters = [];
    for (const one of woken) one();
  };
  const unused = () => Promise.reject(new Error("only the watch is asked here"));
  const store: Store = {
    name: "driven:",
    get: unused,
    list: unused,
    put: unused,
    delete: unused,
    close: async () => {},
    async *watch(prefix, { signal }): AsyncGenerator<Snapshot, void, undefined> {
      watches.push(prefix);
      open += 1;
      try {
        for (;;) {
          signal.throwIfAborted();
          if (broken !== undefined) throw broken;
          const inPrefix = (key: string) => (prefix.endsWith("/") ? key.startsWith(prefix) : key === prefix);
          yield { prefix, pairs: [...values.values()].filter(({ key }) => inPrefix(key)).sort(byKey) };
          signal.throwIfAborted();
          await new Promise<void>((resolve) => {
            waiters.push(resolve);
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
        }
      } finally {
        open -= 1;
      }
    },
  };
  return {
    store,
    /** The prefixes of all watches that ever began. */
    watches,
    /** How many there are now. */
    get open() {
      return open;
    },
    set(tag: string, value: string) {
      index += 1;
      values.set(FOLDER + tag, { key: FOLDER + tag, value, index: `${index}` });
      wake();
    },
    break(error: AppError | undefined) {
      broken = error;
      wake();
    },
  };
}

function byKey(a: Pair, b: Pair): number {
  return a.key < b.key ? -1 : 1;
}

let driven: ReturnType<typeof createDrivenStore>;
let clock: FakeClock;
let store: Store;
let stop: AbortController;

beforeEach(() => {
  driven = createDrivenStore();
  clock = createFakeClock();
  store = createSharedWatch(driven.store, clock);
  stop = new AbortController();
  setMaxListeners(0, stop.signal);
});
afterEach(() => stop.abort());

/** Watches a tag and remembers its values, "-" for none. */
function collect(tag: string, signal = stop.signal) {
  const seen: string[] = [];
  const state = { seen, error: undefined as unknown };
  const run = async () => {
    for await (const { pairs } of store.watch(FOLDER + tag, { signal })) seen.push(pairs[0]?.value ?? "-");
  };
  run().catch((error: unknown) => {
    state.error = error;
  });
  return state;
}

const settled = () => clock.advance(0);

describe("watches of single keys in one folder", () => {
  test("one alone is watched as it is, a thousand cost one watch of the folder", async () => {
    driven.set("t0", "a");
    const first = collect("t0");
    await settled();
    expect(driven.watches).toEqual([`${FOLDER}t0`]);
    const all = [first, ...Array.from({ length: 999 }, (_, i) => collect(`t${i + 1}`))];
    await settled();
    expect(driven.watches).toEqual([`${FOLDER}t0`, FOLDER]);
    expect(driven.open).toBe(1);
    expect(all.every(({ seen }) => seen.length === 1)).toBe(true);
  });

  test("a change wakes only those who watch that key", async () => {
    driven.set("a", "1");
    const [a, again, b] = [collect("a"), collect("a"), collect("b")];
    await settled();
    driven.set("a", "2");
    await settled();
    driven.set("c", "elsewhere");
    driven.set("b", "1");
    await settled();
    expect([a.seen, again.seen, b.seen]).toEqual([
      ["1", "2"],
      ["1", "2"],
      ["-", "1"],
    ]);
  });

  test("an index that changes alone is no news", async () => {
    driven.set("a", "1");
    const [a, b] = [collect("a"), collect("b")];
    await settled();
    driven.set("a", "1");
    driven.set("b", "1");
    await settled();
    expect([a.seen, b.seen]).toEqual([["1"], ["-", "1"]]);
  });

  test("the snapshot is that of the one key, with its index", async () => {
    driven.set("a", "1");
    driven.set("b", "2");
    void collect("a");
    const watch = store.watch(`${FOLDER}b`, { signal: stop.signal })[Symbol.asyncIterator]();
    const pair = { key: `${FOLDER}b`, value: "2", index: "2" };
    expect((await watch.next()).value).toEqual({ prefix: `${FOLDER}b`, pairs: [pair] });
  });

  test("who joins later is told at once what is known", async () => {
    driven.set("a", "1");
    void collect("a");
    void collect("b");
    await settled();
    const late = collect("a");
    await settled();
    expect(late.seen).toEqual(["1"]);
    expect(driven.watches).toEqual([FOLDER]);
  });

  test("whoever leaves takes nothing from the others, and with the last one the watch ends", async () => {
    driven.set("a", "1");
    const leaving = new AbortController();
    const left = collect("a", leaving.signal);
    const b = collect("b");
    await settled();
    leaving.abort(new Error("enough"));
    driven.set("a", "2");
    driven.set("b", "2");
    await settled();
    expect(left).toMatchObject({ seen: ["1"], error: { message: "enough" } });
    expect(b.seen).toEqual(["-", "2"]);
    expect(driven.open).toBe(1);
    stop.abort();
    await settled();
    expect(driven.open).toBe(0);
  });

  test("a folder, and a key in another one, have a watch of their own", async () => {
    const folder = store.watch(FOLDER, { signal: stop.signal })[Symbol.asyncIterator]();
    const other = store.watch("haproxy/redismaster/a", { signal: stop.signal })[Symbol.asyncIterator]();
    await Promise.all([folder.next(), other.next()]);
    expect(driven.watches).toEqual([FOLDER, "haproxy/redismaster/a"]);
  });
});

describe("when the watch of the folder fails", () => {
  const error = new AppError("E_STORE_UNREACHABLE", "gone");

  test("it reaches all, and those who ask again share one attempt", async () => {
    const all = Array.from({ length: 100 }, (_, i) => collect(`t${i}`));
    await settled();
    const before = driven.watches.length;
    driven.break(error);
    await settled();
    expect(all.every((one) => one.error === error)).toBe(true);
    driven.break(undefined);
    const again = all.map((_, i) => collect(`t${i}`));
    await clock.advance(100);
    expect(again.every(({ seen }) => seen.length === 1)).toBe(true);
    expect(driven.watches.length).toBe(before + 1);
  });

  test("a thousand retry loops ask it about once a second", async () => {
    const tries = Array.from({ length: 1_000 }, () => 0);
    driven.break(error);
    const retry = async (i: number) => {
      while (!stop.signal.aborted) {
        tries[i] = (tries[i] ?? 0) + 1;
        for await (const _ of store.watch(`${FOLDER}t${i}`, { signal: stop.signal })) break;
      }
    };
    const loop = (i: number): Promise<void> => retry(i).catch(() => (stop.signal.aborted ? undefined : loop(i)));
    for (let i = 0; i < tries.length; i++) void loop(i);
    await clock.advance(20_000);
    expect(Math.min(...tries)).toBeGreaterThan(15);
    expect(driven.watches.length).toBeGreaterThan(15);
    expect(driven.watches.length).toBeLessThan(50);
  });

  test("after a success the next failure is tried again at once", async () => {
    driven.break(error);
    for (let round = 0; round < 8; round++) {
      void collect("a");
      await clock.advance(1_000);
    }
    driven.break(undefined);
    const good = collect("a");
    await clock.advance(1_000);
    expect(good.seen).toEqual(["-"]);
    driven.break(error);
    await settled();
    driven.break(undefined);
    const next = collect("a");
    await clock.advance(60);
    expect(next.seen).toEqual(["-"]);
  });
});
