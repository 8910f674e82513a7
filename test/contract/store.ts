import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ABSENT, type Snapshot, type Store } from "../../src/core/store.ts";
import { eventually } from "../support/eventually.ts";

/** A store of one kind, alone in its place. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Another store object on the same place, as another process has one. */
  other(): Promise<Store>;
  /** Writes past the store, as a person with an editor or a shell does. */
  putByHand(key: string, value: string): Promise<void>;
  /** Makes the place itself go away, so that a watch must end. */
  destroy(): Promise<void>;
}

/** Makes a fresh, empty place; it goes away with the test. */
export type MakeStore = () => Promise<StoreUnderTest>;

/** What every store that can be written must do; `src/core/store.ts` is the text of this contract. */
export function storeContract(name: string, make: MakeStore): void {
  describe(`the store contract: ${name}`, () => {
    let place: StoreUnderTest;
    let store: Store;
    const stop = { controller: new AbortController() };
    const call = () => ({ signal: stop.controller.signal });

    beforeEach(async () => {
      stop.controller = new AbortController();
      // Some tests have many calls under way on this one signal; Node warns of more than ten listeners.
      setMaxListeners(0, stop.controller.signal);
      place = await make();
      store = place.store;
    });
    afterEach(async () => {
      stop.controller.abort();
      await store.close();
    });

    /** Starts a watch and collects what it yields until the test ends. */
    const collect = (prefix: string, watched: Store = store): { snapshots: Snapshot[]; ended: Promise<unknown> } => {
      const snapshots: Snapshot[] = [];
      const run = async () => {
        for await (const snapshot of watched.watch(prefix, call())) snapshots.push(snapshot);
      };
      return {
        snapshots,
        ended: run().then(
          () => "ended without an error",
          (error: unknown) => error,
        ),
      };
    };
    const keysOf = (snapshot: Snapshot | undefined) => snapshot?.pairs.map((pair) => pair.key);
    const valueIn = (snapshot: Snapshot | undefined, key: string) =>
      snapshot?.pairs.find((pair) => pair.key === key)?.value;

    describe("reading back what was written", () => {
      test.each([
        ["plain text", "one word"],
        ["nothing", ""],
        ["one newline", "\n"],
        ["text with a newline behind it", "a\n"],
        ["several lines and blanks around them", " \n a\n\tb\n\n "],
        ["carriage returns", "a\r\nb\r\n"],
        ["all kinds of letters", 'Zürich, 東京, 𝄞, "quotes" \\ and /'],
        ["an entry", '{"name":"slave3301","host":"10.0.21.5","port":3301,"proxyport":13351}'],
        ["200 KiB", "0123456789abcdef".repeat(12_800)],
      ])("%s comes back byte for byte", async (_what, value) => {
        expect(await store.put("haproxy/memcached/a", value, call())).toBe(true);
        expect((await store.get("haproxy/memcached/a", call()))?.value).toBe(value);
        expect((await store.list("haproxy/", call())).pairs).toMatchObject([{ key: "haproxy/memcached/a", value }]);
      });

      test("a key that is not there is undefined, and in a list simply missing", async () => {
        await store.put("haproxy/a", "1", call());
        expect(await store.get("haproxy/b", call())).toBeUndefined();
        expect(await store.get("other/deep/key", call())).toBeUndefined();
        expect(keysOf(await store.list("other/", call()))).toEqual([]);
      });

      test("a key may hold letters that a URL or a shell would trip over", async () => {
        const key = "haproxy/a b?c=d&e#f%2F+ü/10.0.0.1:11211";
        await store.put(key, "odd", call());
        expect((await store.get(key, call()))?.value).toBe("odd");
        expect(keysOf(await store.list("haproxy/", call()))).toEqual([key]);
      });

      test.each(["", "/a", "a/", "a//b", "a/../b", "./a", "a\0b", "x".repeat(2_000)])(
        "the key %j is refused with a reason before anything is sent",
        async (key) => {
          await expect(store.put(key, "x", call())).rejects.toMatchObject({ code: "E_USAGE" });
          await expect(store.get(key, call())).rejects.toMatchObject({ code: "E_USAGE" });
          await expect(store.delete(key, call())).rejects.toMatchObject({ code: "E_USAGE" });
        },
      );
    });

    describe("prefixes", () => {
      beforeEach(async () => {
        for (const key of ["a/b/2", "a/b/1", "a/bc/3", "a/b-", "aa/4"]) await store.put(key, key, call());
      });

      test("with a slash behind it a prefix means what is below, sorted, and no neighbour", async () => {
        expect(keysOf(await store.list("a/b/", call()))).toEqual(["a/b/1", "a/b/2"]);
        expect(keysOf(await store.list("a/", call()))).toEqual(["a/b-", "a/b/1", "a/b/2", "a/bc/3"]);
      });

      test("the empty prefix means everything", async () => {
        expect(keysOf(await store.list("", call()))).toEqual(["a/b-", "a/b/1", "a/b/2", "a/bc/3", "aa/4"]);
      });

      test("without a slash it means that one key", async () => {
        expect(keysOf(await store.list("a/b/1", call()))).toEqual(["a/b/1"]);
        expect(keysOf(await store.list("a/b", call()))).toEqual([]);
        expect(keysOf(await store.list("a", call()))).toEqual([]);
      });
    });

    describe("check-and-set", () => {
      test("a write with the index that was read goes through, with an older one it is lost", async () => {
        await store.put("k", "1", call());
        const first = await store.get("k", call());
        expect(first).toBeDefined();
        const ifIndex = first?.index ?? "";
        expect(await store.put("k", "2", { ...call(), ifIndex })).toBe(true);
        expect(await store.put("k", "3", { ...call(), ifIndex })).toBe(false);
        expect((await store.get("k", call()))?.value).toBe("2");
      });

      test("the index in a list is the one that get gives", async () => {
        await store.put("haproxy/k", "1", call());
        const { pairs } = await store.list("haproxy/", call());
        expect(pairs).toEqual([await store.get("haproxy/k", call())]);
      });

      test("create-only writes once", async () => {
        expect(await store.put("k", "1", { ...call(), ifIndex: ABSENT })).toBe(true);
        expect(await store.put("k", "2", { ...call(), ifIndex: ABSENT })).toBe(false);
        expect((await store.get("k", call()))?.value).toBe("1");
      });

      test("a write on an index of a key that was deleted meanwhile is lost", async () => {
        await store.put("k", "1", call());
        const ifIndex = (await store.get("k", call()))?.index ?? "";
        await store.delete("k", call());
        expect(await store.put("k", "2", { ...call(), ifIndex })).toBe(false);
        expect(await store.get("k", call())).toBeUndefined();
      });

      test("of many writers with one index exactly one wins", async () => {
        await store.put("k", "0", call());
        const ifIndex = (await store.get("k", call()))?.index ?? "";
        const stores = [store, await place.other()];
        const wins = await Promise.all(
          Array.from({ length: 16 }, (_, i) => (stores[i % 2] as Store).put("k", `w${i}`, { ...call(), ifIndex })),
        );
        expect(wins.filter(Boolean)).toHaveLength(1);
        expect((await store.get("k", call()))?.value).toBe(`w${wins.indexOf(true)}`);
      });

      test("of many creators exactly one wins", async () => {
        const stores = [store, await place.other()];
        const wins = await Promise.all(
          Array.from({ length: 16 }, (_, i) =>
            (stores[i % 2] as Store).put("k", `w${i}`, { ...call(), ifIndex: ABSENT }),
          ),
        );
        expect(wins.filter(Boolean)).toHaveLength(1);
      });
    });

    describe("deleting", () => {
      test("a deleted key is gone, and deleting it again is no error", async () => {
        await store.put("a/b/k", "1", call());
        expect(await store.delete("a/b/k", call())).toBe(true);
        expect(await store.get("a/b/k", call())).toBeUndefined();
        expect(keysOf(await store.list("", call()))).toEqual([]);
        expect(await store.delete("a/b/k", call())).toBe(true);
      });

      test("a delete with an older index is lost and leaves the key", async () => {
        await store.put("k", "1", call());
        const ifIndex = (await store.get("k", call()))?.index ?? "";
        await store.put("k", "2", call());
        expect(await store.delete("k", { ...call(), ifIndex })).toBe(false);
        expect((await store.get("k", call()))?.value).toBe("2");
      });

      test("a delete with the present index goes through", async () => {
        await store.put("k", "1", call());
        const ifIndex = (await store.get("k", call()))?.index ?? "";
        expect(await store.delete("k", { ...call(), ifIndex })).toBe(true);
        expect(await store.get("k", call())).toBeUndefined();
      });

      test("a delete of what must not be there is true only if it is not there", async () => {
        expect(await store.delete("k", { ...call(), ifIndex: ABSENT })).toBe(true);
        await store.put("k", "1", call());
        expect(await store.delete("k", { ...call(), ifIndex: ABSENT })).toBe(false);
        expect((await store.get("k", call()))?.value).toBe("1");
      });
    });

    describe("watching", () => {
      test("the present state comes first, then each change in full, by whomever it is made", async () => {
        await store.put("haproxy/a", "1", call());
        const { snapshots } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        expect(snapshots[0]).toMatchObject({ prefix: "haproxy/", pairs: [{ key: "haproxy/a", value: "1" }] });
        await (await place.other()).put("haproxy/b", "2", call());
        await eventually("the new key", () => keysOf(snapshots.at(-1))?.join() === "haproxy/a,haproxy/b");
        await place.putByHand("haproxy/a", "3");
        await eventually("the new value", () => valueIn(snapshots.at(-1), "haproxy/a") === "3");
        expect(valueIn(snapshots.at(-1), "haproxy/b")).toBe("2");
        await store.delete("haproxy/b", call());
        await eventually("the key to go", () => keysOf(snapshots.at(-1))?.join() === "haproxy/a");
        expect(snapshots).toHaveLength(4);
      });

      test("an empty prefix is an empty first snapshot, and its first key is seen", async () => {
        await store.put("elsewhere/k", "1", call());
        const { snapshots } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        expect(snapshots[0]?.pairs).toEqual([]);
        await store.put("haproxy/memcached/new", "1", call());
        await eventually("the key", () => keysOf(snapshots.at(-1))?.join() === "haproxy/memcached/new");
      });

      test("one key can be watched before it exists, while it changes, and when it goes", async () => {
        await store.put("haproxy/other", "x", call());
        const { snapshots } = collect("haproxy/k");
        await eventually("the first snapshot", () => snapshots.length === 1);
        expect(snapshots[0]?.pairs).toEqual([]);
        await store.put("haproxy/k", "1", call());
        await eventually("the key", () => valueIn(snapshots.at(-1), "haproxy/k") === "1");
        await store.put("haproxy/kk", "not mine", call());
        await store.put("haproxy/k", "2", call());
        await eventually("its new value", () => valueIn(snapshots.at(-1), "haproxy/k") === "2");
        await store.delete("haproxy/k", call());
        await eventually("its end", () => snapshots.at(-1)?.pairs.length === 0);
        expect(snapshots).toHaveLength(4);
      });

      test("an equal write, and a write elsewhere, are no news", async () => {
        await store.put("haproxy/a", "1", call());
        const { snapshots } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        await store.put("haproxy/a", "1", call());
        await place.putByHand("haproxy/a", "1");
        await store.put("haproxy2/a", "1", call());
        await store.put("haproxy/b", "the end", call());
        await eventually("the real change", () => valueIn(snapshots.at(-1), "haproxy/b") === "the end");
        expect(snapshots).toHaveLength(2);
      });

      test("a pair that did not change is the same object in the next snapshot", async () => {
        for (const tag of ["a", "b", "c"]) await store.put(`haproxy/${tag}`, tag, call());
        const { snapshots } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        await store.put("haproxy/b", "other", call());
        await eventually("the change", () => snapshots.length === 2);
        expect(snapshots[1]?.pairs[0]).toBe(snapshots[0]?.pairs[0]);
        expect(snapshots[1]?.pairs[2]).toBe(snapshots[0]?.pairs[2]);
        expect(snapshots[1]?.pairs[1]).not.toBe(snapshots[0]?.pairs[1]);
        expect(snapshots[0]?.pairs[1]?.value).toBe("b");
      });

      test("of a storm of writes the last state is seen, and never less than whole", async () => {
        await store.put("haproxy/n", "0", call());
        const { snapshots } = collect("haproxy/");
        for (let n = 1; n <= 200; n++) await store.put("haproxy/n", String(n), call());
        await eventually("the last value", () => valueIn(snapshots.at(-1), "haproxy/n") === "200");
        expect(snapshots.every((snapshot) => snapshot.pairs.length === 1)).toBe(true);
      });

      test("two watches do not take each other's news", async () => {
        await store.put("haproxy/a", "1", call());
        const first = collect("haproxy/");
        const second = collect("haproxy/");
        const exact = collect("haproxy/a");
        await eventually("three first snapshots", () =>
          [first, second, exact].every((watch) => watch.snapshots.length === 1),
        );
        await store.put("haproxy/a", "2", call());
        for (const watch of [first, second, exact]) {
          await eventually("the change", () => valueIn(watch.snapshots.at(-1), "haproxy/a") === "2");
        }
      });

      test("an abort ends it at once with the signal's reason", async () => {
        await store.put("haproxy/a", "1", call());
        const { snapshots, ended } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        const reason = new Error("enough");
        stop.controller.abort(reason);
        expect(await ended).toBe(reason);
      });

      test("closing the store ends it with an error", async () => {
        await store.put("haproxy/a", "1", call());
        const { snapshots, ended } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        await store.close();
        expect(await ended).toMatchObject({ code: "E_STORE_UNREACHABLE" });
      });

      test("when the store dies it ends with an error, not with an empty snapshot", async () => {
        await store.put("haproxy/a", "1", call());
        const { snapshots, ended } = collect("haproxy/");
        await eventually("the first snapshot", () => snapshots.length === 1);
        await place.destroy();
        expect(await ended).toMatchObject({ code: "E_STORE_UNREACHABLE" });
        expect(snapshots).toHaveLength(1);
        await expect(store.list("haproxy/", call())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
        await expect(store.get("haproxy/a", call())).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
      });
    });

    describe("stopping", () => {
      test("a signal that is aborted already is heeded before anything is done", async () => {
        stop.controller.abort(new Error("too late"));
        await expect(store.put("k", "1", call())).rejects.toThrow("too late");
        await expect(store.get("k", call())).rejects.toThrow("too late");
        await expect(store.list("", call())).rejects.toThrow("too late");
        await expect(store.delete("k", call())).rejects.toThrow("too late");
        stop.controller = new AbortController();
        await store.put("other", "1", call());
        expect(await store.get("k", call())).toBeUndefined();
      });

      test("closing twice is fine", async () => {
        await store.put("k", "1", call());
        await store.close();
        await store.close();
      });
    });
  });
}
