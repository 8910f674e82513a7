import { beforeAll, beforeEach, expect, test } from "vitest";
import type { Announcement, Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { releaseLater } from "../support/releases.ts";

const KEY = "haproxy/peers/lb1";
const call = { signal: new AbortController().signal };

let consul: Consul;
beforeAll(async () => {
  consul = await startConsul();
});
beforeEach(() => consul.kv.deleteAll("haproxy"));

type AnnouncingStore = Store & Required<Pick<Store, "announce">>;

async function open(): Promise<AnnouncingStore> {
  const addresses = [{ host: consul.address, port: consul.port }];
  const deps = { clock: systemClock, logger: createCaptureLogger(), consulTiming: { sessionTtlMs: 1_000 } };
  const store = await openStore({ type: "consul", addresses, consistency: "default" }, deps);
  releaseLater("store", () => store.close());
  return store as AnnouncingStore;
}

const announce = (store: AnnouncingStore, value: string, replaces = false, key = KEY): Promise<Announcement> =>
  store.announce(key, value, { ...call, replaces: () => replaces });

interface Raw {
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly Session?: string;
}

async function raw(): Promise<Raw> {
  const [pair] = (await (await consul.request(`/v1/kv/${KEY}`)).json()) as Raw[];
  if (pair === undefined) throw new Error("there is no key");
  return pair;
}

/** The key as a process left it that is dead now, and that Consul believes alive. */
async function leftBehind(value: string, LockDelay = "0s"): Promise<string> {
  const body = JSON.stringify({ TTL: "60s", Behavior: "delete", LockDelay, NodeChecks: [] });
  const made = (await (await consul.request("/v1/session/create", { method: "PUT", body })).json()) as { ID: string };
  await consul.request(`/v1/kv/${KEY}?acquire=${made.ID}`, { method: "PUT", body: value });
  expect((await raw()).Session).toBe(made.ID);
  return made.ID;
}

test("the key is there as long as the store is open, however long that is", async () => {
  const store = await open();
  const { lost } = await announce(store, "a");
  const before = await raw();
  let reason: string | undefined;
  void lost.then((why) => {
    reason = why;
  });
  // Longer than Consul keeps a session that nobody renews.
  await systemClock.sleep(3_000, call.signal);
  expect(await raw()).toEqual(before);
  expect(reason).toBeUndefined();
  await store.close();
  expect(await consul.kv.get(KEY)).toBeUndefined();
  expect(await lost).toContain("closed");
});

test("withdrawn it is gone at once, its neighbours stay, and twice is fine", async () => {
  const store = await open();
  const one = await announce(store, "a");
  await announce(store, "b", false, "haproxy/peers/lb2");
  await one.withdraw(call);
  await one.withdraw(call);
  expect(await consul.kv.keys("haproxy")).toEqual(["haproxy/peers/lb2"]);
});

test("what a dead process left is taken over in one step, past any lock-delay", async () => {
  const left = await leftBehind("a", "15s");
  const before = await raw();
  await announce(await open(), "b", true);
  const after = await raw();
  expect(after.CreateIndex).toBe(before.CreateIndex);
  expect(after.Session).not.toBe(left);
  // Its end, which takes along what it holds, takes nothing along any more.
  await consul.request(`/v1/session/destroy/${left}`, { method: "PUT" });
  expect(await consul.kv.get(KEY)).toBe("b");
});

test("what somebody else holds with another value is left alone", async () => {
  await leftBehind("theirs");
  const refused = announce(await open(), "mine");
  await expect(refused).rejects.toMatchObject({ code: "E_CONFIG", message: expect.stringContaining("theirs") });
  expect(await consul.kv.get(KEY)).toBe("theirs");
});

test("what somebody else holds with the same value is as it should be, until that one goes", async () => {
  const left = await leftBehind("a");
  const store = await open();
  const held = await announce(store, "a");
  const before = await raw();
  expect(before.Session).toBe(left);
  await held.withdraw(call);
  expect(await raw()).toEqual(before);
  const again = await announce(store, "a");
  await consul.request(`/v1/session/destroy/${left}`, { method: "PUT" });
  expect(await again.lost).toContain("deleted");
});

test("what nobody holds is taken, whatever it says", async () => {
  await consul.kv.put(KEY, "by hand");
  const store = await open();
  await announce(store, "a");
  expect(await consul.kv.get(KEY)).toBe("a");
  await store.close();
  expect(await consul.kv.get(KEY)).toBeUndefined();
});

test("another value of our own is written over the old one, which is then lost", async () => {
  const store = await open();
  const old = await announce(store, "a");
  const before = await raw();
  await announce(store, "b");
  expect(await old.lost).toContain("overwrote");
  await old.withdraw(call);
  expect(await consul.kv.get(KEY)).toBe("b");
  expect((await raw()).CreateIndex).toBe(before.CreateIndex);
});

test.each([
  ["deleted", () => consul.kv.delete(KEY)],
  ["overwrote", () => consul.kv.put(KEY, "x")],
  [
    "wrote it anew with the same value, and no session,",
    async () => {
      await consul.kv.delete(KEY);
      await consul.kv.put(KEY, "a");
    },
  ],
  [
    "ended the session",
    async () => void (await consul.request(`/v1/session/destroy/${(await raw()).Session}`, { method: "PUT" })),
  ],
])("somebody %s: that is told, and it can be announced again", async (_, disturb) => {
  const store = await open();
  const first = await announce(store, "a");
  await disturb();
  await first.lost;
  await announce(store, "a");
  expect(await consul.kv.get(KEY)).toBe("a");
  expect((await raw()).Session).toBeTruthy();
});

test("of many who start at once with one name one has the key, and each that may not have it is told", async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, open));
  const ends = await Promise.allSettled(stores.map((store, at) => announce(store, `${at}`)));
  const won = ends.flatMap((end, at) => (end.status === "fulfilled" ? [`${at}`] : []));
  expect(won).toEqual([await consul.kv.get(KEY)]);
  for (const end of ends) if (end.status === "rejected") expect(end.reason).toMatchObject({ code: "E_CONFIG" });
});

test("a signal that is aborted already, a closed store and a key that is none are refused before anything is done", async () => {
  const store = await open();
  const aborted = AbortSignal.abort(new Error("no"));
  await expect(store.announce(KEY, "a", { signal: aborted, replaces: () => true })).rejects.toThrow("no");
  await expect(announce(store, "a", false, "haproxy//peers")).rejects.toMatchObject({ code: "E_USAGE" });
  await store.close();
  await expect(announce(store, "a")).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
  await eventually("nothing was written", async () => (await consul.kv.keys("haproxy")).length === 0);
});
