import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ABSENT, type Lock, type Store } from "../../src/core/store.ts";
import { eventually } from "../support/eventually.ts";
import type { MakeStore, StoreUnderTest } from "./store.ts";

const KEY = "haproxy/memcached/a";

/** What every store with locks must do; `src/core/store.ts` is the text of this contract. */
export function lockContract(name: string, make: MakeStore): void {
  describe(`the contract of locks: ${name}`, () => {
    let place: StoreUnderTest;
    let store: Store;
    let other: Store;
    let stop = new AbortController();
    const call = () => ({ signal: stop.signal });

    beforeEach(async () => {
      stop = new AbortController();
      setMaxListeners(0, stop.signal);
      place = await make();
      store = place.store;
      other = await place.other();
    });
    afterEach(async () => {
      stop.abort();
      await Promise.all([store.close(), other.close()]);
    });

    const lockOf = (from: Store, key = KEY): Promise<Lock> => {
      if (from.lock === undefined) throw new Error("this store has no locks");
      return from.lock(key, call());
    };
    const indexOf = async (key = KEY): Promise<string> => (await store.get(key, call()))?.index ?? ABSENT;

    /** Asks for the lock and remembers whether it came. */
    const waiting = (from: Store, key = KEY) => {
      const state = { got: undefined as Lock | undefined, failed: undefined as unknown };
      lockOf(from, key).then(
        (lock) => {
          state.got = lock;
        },
        (error: unknown) => {
          state.failed = error;
        },
      );
      return state;
    };

    /** A whole exchange with the store, behind which a waiter that could have come would have come. */
    const aWhile = async () => {
      for (let turn = 0; turn < 20; turn++) await other.get(KEY, call());
    };

    test("whoever has the lock writes, whoever waits gets it at the release, and no value changes by it", async () => {
      await store.put(KEY, "1", call());
      const mine = await lockOf(store);
      const theirs = waiting(other);
      expect(await mine.put(KEY, "2", { ...call(), ifIndex: await indexOf() })).toBe(true);
      await aWhile();
      expect(theirs.got).toBeUndefined();
      await mine.release(call());
      const lock = await eventually("the lock", () => theirs.got);
      expect((await store.get(KEY, call()))?.value).toBe("2");
      expect(await lock.put(KEY, "3", { ...call(), ifIndex: await indexOf() })).toBe(true);
      expect((await store.get(KEY, call()))?.value).toBe("3");
    });

    test("a released lock writes nothing, and releasing it twice is fine", async () => {
      await store.put(KEY, "1", call());
      const lock = await lockOf(store);
      await lock.release(call());
      await lock.release(call());
      expect(await lock.put(KEY, "2", call())).toBe(false);
      expect(await lock.delete(KEY, call())).toBe(false);
      expect((await store.get(KEY, call()))?.value).toBe("1");
      expect(await (await lockOf(store)).put(KEY, "3", call())).toBe(true);
    });

    test("a write under the lock is still on condition", async () => {
      await store.put(KEY, "1", call());
      const lock = await lockOf(store);
      const ifIndex = await indexOf();
      expect(await lock.put(KEY, "2", { ...call(), ifIndex })).toBe(true);
      expect(await lock.put(KEY, "3", { ...call(), ifIndex })).toBe(false);
      expect(await lock.put(KEY, "3", { ...call(), ifIndex: ABSENT })).toBe(false);
      expect(await lock.delete(KEY, { ...call(), ifIndex })).toBe(false);
      expect(await lock.delete(KEY, { ...call(), ifIndex: ABSENT })).toBe(false);
      expect((await store.get(KEY, call()))?.value).toBe("2");
      expect(await lock.put(KEY, "4", call())).toBe(true);
      expect((await store.get(KEY, call()))?.value).toBe("4");
    });

    test("a person's write is not overwritten, and does not end the lock", async () => {
      await store.put(KEY, "1", call());
      const lock = await lockOf(store);
      const ifIndex = await indexOf();
      await place.putByHand(KEY, "by hand");
      expect(await lock.put(KEY, "2", { ...call(), ifIndex })).toBe(false);
      expect(await lock.put(KEY, "3", { ...call(), ifIndex: await indexOf() })).toBe(true);
    });

    test("on a key that is not there nobody waits: whoever creates it has it, and the others have lost", async () => {
      const mine = await lockOf(store);
      const theirs = await lockOf(other);
      expect(await mine.put(KEY, "mine", { ...call(), ifIndex: ABSENT })).toBe(true);
      expect(await theirs.put(KEY, "theirs", { ...call(), ifIndex: ABSENT })).toBe(false);
      expect(await theirs.lost).toMatch(/first to create/);
      expect((await store.get(KEY, call()))?.value).toBe("mine");
      const again = waiting(other);
      await aWhile();
      expect(again.got).toBeUndefined();
      await mine.release(call());
      await eventually("the lock", () => again.got);
    });

    test("losing to the creator of the key is told without a write as well", async () => {
      const mine = await lockOf(store);
      const theirs = await lockOf(other);
      await mine.put(KEY, "mine", call());
      expect(await theirs.lost).toMatch(/first to create/);
    });

    test("whoever deletes the key under the lock may write it again, as long as nobody else was quicker", async () => {
      await store.put(KEY, "1", call());
      const lock = await lockOf(store);
      expect(await lock.delete(KEY, { ...call(), ifIndex: await indexOf() })).toBe(true);
      expect(await store.get(KEY, call())).toBeUndefined();
      expect(await lock.delete(KEY, call())).toBe(true);
      expect(await lock.put(KEY, "2", { ...call(), ifIndex: ABSENT })).toBe(true);
      expect((await store.get(KEY, call()))?.value).toBe("2");
      await lock.delete(KEY, call());
      await place.putByHand(KEY, "by hand");
      expect(await lock.put(KEY, "3", { ...call(), ifIndex: ABSENT })).toBe(false);
      expect(await lock.lost).toMatch(/first to create/);
      expect((await store.get(KEY, call()))?.value).toBe("by hand");
    });

    test("an operator who deletes the key ends the lock, and a new one is to be had at once", async () => {
      await store.put(KEY, "1", call());
      const lock = await lockOf(store);
      await other.delete(KEY, call());
      expect(await lock.lost).toMatch(/deleted/);
      expect(await lock.put(KEY, "2", call())).toBe(false);
      await lock.release(call());
      const next = await lockOf(store);
      expect(await next.put(KEY, "3", { ...call(), ifIndex: ABSENT })).toBe(true);
    });

    test("closing the store hands over all its locks", async () => {
      for (const key of [KEY, "haproxy/memcached/b", "haproxy/redismaster/c"]) {
        await store.put(key, "1", call());
        await lockOf(store, key);
      }
      const next = [KEY, "haproxy/memcached/b", "haproxy/redismaster/c"].map((key) => waiting(other, key));
      await aWhile();
      expect(next.map(({ got }) => got)).toEqual([undefined, undefined, undefined]);
      await store.close();
      await eventually("all three", () => next.every(({ got }) => got !== undefined));
      store = await place.other();
    });

    test("of many who compete one has it at a time, and each has its turn", async () => {
      await store.put(KEY, "0", call());
      const stores = [store, other, await place.other(), await place.other()];
      let inside = 0;
      const counts: number[] = [];
      const work = async (from: Store) => {
        for (let turn = 0; turn < 5; turn++) {
          const lock = await lockOf(from);
          inside += 1;
          expect(inside).toBe(1);
          const before = await from.get(KEY, call());
          const next = `${Number(before?.value) + 1}`;
          expect(await lock.put(KEY, next, { ...call(), ifIndex: before?.index ?? ABSENT })).toBe(true);
          counts.push(Number(next));
          inside -= 1;
          await lock.release(call());
        }
      };
      await Promise.all(stores.map(work));
      expect(counts).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      await Promise.all(stores.slice(2).map((one) => one.close()));
    });

    test("an abort ends the waiting at once with the signal's reason", async () => {
      await store.put(KEY, "1", call());
      await lockOf(store);
      const theirs = waiting(other);
      await aWhile();
      const reason = new Error("enough");
      stop.abort(reason);
      await eventually("the end", () => theirs.failed === reason);
    });

    test("closing the store ends the waiting with an error", async () => {
      await store.put(KEY, "1", call());
      await lockOf(store);
      const theirs = waiting(other);
      await aWhile();
      await other.close();
      await eventually("the end", () => theirs.failed);
      expect(theirs.failed).toMatchObject({ code: "E_STORE_UNREACHABLE" });
    });

    test("a dead store ends the waiting with an error, and asking for a lock is one too", async () => {
      await store.put(KEY, "1", call());
      await lockOf(store);
      const theirs = waiting(other);
      await aWhile();
      await place.destroy();
      await eventually("the end", () => theirs.failed);
      expect(theirs.failed).toMatchObject({ code: "E_STORE_UNREACHABLE" });
      await expect(lockOf(other)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    });

    test("a key that cannot be one is refused", async () => {
      await expect(lockOf(store, "a//b")).rejects.toMatchObject({ code: "E_USAGE" });
    });
  });
}
