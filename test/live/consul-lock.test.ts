import { setMaxListeners } from "node:events";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Lock, Snapshot, Store } from "../../src/core/store.ts";
import { ABSENT } from "../../src/core/store.ts";
import type { StoreOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { releaseLater } from "../support/releases.ts";

const KEY = "haproxy/memcached/a";

/** Consul of the tests takes a TTL of a second; it ends a session up to twice as late. */
const TTL_MS = 1_000;

let consul: Consul;
beforeAll(async () => {
  consul = await startConsul();
});
beforeEach(async () => {
  if (!consul.running) await consul.restart();
  await consul.kv.deleteAll("");
});

const call = { signal: new AbortController().signal };
// Many calls are under way on this one signal.
setMaxListeners(0, call.signal);

interface Place {
  readonly address: string;
  readonly port: number;
}
type LockStore = Store & Required<Pick<Store, "lock">>;

async function open(places: readonly Place[] = [consul], more: Partial<StoreOptions> = {}): Promise<LockStore> {
  const addresses = places.map(({ address, port }) => ({ host: address, port }));
  const options = { type: "consul", addresses, consistency: "default", ...more } as StoreOptions;
  const deps = { clock: systemClock, logger: createCaptureLogger(), consulTiming: { sessionTtlMs: TTL_MS } };
  const store = await openStore(options, deps);
  releaseLater("store", () => store.close());
  return store as LockStore;
}

interface Holder {
  readonly Session?: string;
  readonly Flags: number;
  readonly Value: string;
}
interface SessionInfo {
  readonly ID: string;
  readonly Name: string;
  readonly TTL: string;
  readonly Behavior: string;
  readonly LockDelay: number;
  readonly NodeChecks: string[];
}

async function json<T>(path: string, body?: unknown): Promise<T> {
  const reply = await consul.request(path, body === undefined ? {} : { method: "PUT", body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`consul answered ${reply.status}: ${await reply.text()}`);
  return (await reply.json()) as T;
}
const rawKey = async (key = KEY) => (await json<Holder[]>(`/v1/kv/${key}`))[0];
const holderOf = async (key = KEY) => (await rawKey(key))?.Session;
const sessions = () => json<SessionInfo[]>("/v1/session/list");
const endSession = (id: string | undefined) => json<boolean>(`/v1/session/destroy/${id}`, {});

/** A session of somebody else, who never renews it. */
async function foreignSession(more: Record<string, unknown> = {}): Promise<string> {
  const body = { Name: "somebody else", TTL: "10s", LockDelay: "0s", ...more };
  return (await json<{ ID: string }>("/v1/session/create", body)).ID;
}
const acquire = async (id: string, value = "theirs", key = KEY) =>
  expect(await (await consul.request(`/v1/kv/${key}?acquire=${id}`, { method: "PUT", body: value })).json()).toBe(true);

/** Asks for the lock without waiting for it. */
function asking(store: LockStore, key = KEY): { lock?: Lock; error?: unknown } {
  const state: { lock?: Lock; error?: unknown } = {};
  store.lock(key, call).then(
    (lock) => {
      state.lock = lock;
    },
    (error: unknown) => {
      state.error = error;
    },
  );
  return state;
}

describe("what a person sees of a lock", () => {
  test("the key names its session, and the session names the process", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    await store.lock(KEY, call);
    const holder = await holderOf();
    const [session] = (await sessions()).filter(({ ID }) => ID === holder);
    expect(session).toMatchObject({ TTL: "1s", Behavior: "release", LockDelay: 0, NodeChecks: ["serfHealth"] });
    expect(session?.Name).toMatch(new RegExp(`^confd-haproxy .+:${process.pid}$`));
  });

  test("all keys of a process are held by one session, and none is left of it behind its end", async () => {
    const before = (await sessions()).length;
    const store = await open();
    for (const key of [KEY, "haproxy/memcached/b", "haproxy/redismaster/c"]) {
      await consul.kv.put(key, "1");
      await store.lock(key, call);
    }
    expect((await sessions()).length).toBe(before + 1);
    await store.close();
    expect((await sessions()).length).toBe(before);
  });

  test("a store that is only read and written makes no session", async () => {
    const before = (await sessions()).length;
    const store = await open();
    await store.put(KEY, "1", call);
    expect((await sessions()).length).toBe(before);
  });
});

describe("a lock changes nothing but the holder", () => {
  test("value and flags stay through taking and releasing, and no watch has news", async () => {
    await consul.request(`/v1/kv/${KEY}?flags=42`, { method: "PUT", body: "Zürich\n" });
    const before = await rawKey();
    const snapshots: Snapshot[] = [];
    const watcher = await open();
    const watching = (async () => {
      for await (const snapshot of watcher.watch("haproxy/", call)) snapshots.push(snapshot);
    })();
    watching.catch(() => {});
    await eventually("the first snapshot", () => snapshots.length === 1);
    const store = await open();
    const lock = await store.lock(KEY, call);
    expect(await rawKey()).toMatchObject({ Value: before?.Value, Flags: 42, Session: expect.any(String) });
    await lock.release(call);
    const after = await rawKey();
    expect(after).toMatchObject({ Value: before?.Value, Flags: 42 });
    expect(after?.Session).toBeUndefined();
    await consul.kv.put("haproxy/memcached/b", "the end");
    await eventually("the real news", () => snapshots.at(-1)?.pairs.length === 2);
    expect(snapshots).toHaveLength(2);
  });

  test("a value that is written while the lock is taken, or given up, is not overwritten by it", async () => {
    await consul.kv.put(KEY, "0");
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const taking = relay.hold(/\/v1\/txn/);
    const waiter = asking(store);
    const take = await taking;
    await consul.kv.put(KEY, "1");
    take();
    const lock = await eventually("the lock", () => waiter.lock);
    expect(await consul.kv.get(KEY)).toBe("1");
    const releasing = relay.hold(/\/v1\/txn/);
    const released = lock.release(call);
    const release = await releasing;
    await consul.kv.put(KEY, "2");
    release();
    await released;
    expect(await consul.kv.get(KEY)).toBe("2");
    expect(await holderOf()).toBeUndefined();
  });
});

describe("a holder that dies", () => {
  test("is replaced when Consul lets go of its session", async () => {
    await acquire(await foreignSession({ TTL: "1s" }));
    const store = await open();
    const lock = await store.lock(KEY, call);
    expect(await consul.kv.get(KEY)).toBe("theirs");
    const index = (await store.get(KEY, call))?.index ?? ABSENT;
    expect(await lock.put(KEY, "ours", { ...call, ifIndex: index })).toBe(true);
  });

  test("and barred the key for a while by its lock-delay is replaced behind it", async () => {
    const id = await foreignSession({ LockDelay: "1s" });
    await acquire(id);
    const store = await open();
    const waiter = asking(store);
    await eventually("the waiter's session", async () => (await sessions()).length === 2);
    await endSession(id);
    await eventually("the lock", () => waiter.lock);
  });

  test("one that lives renews its session as long as it likes", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    const holder = await holderOf();
    const clock = await foreignSession({ TTL: "1s" });
    await eventually("the end of a younger session that nobody renews", async () =>
      (await sessions()).every(({ ID }) => ID !== clock),
    );
    expect(await holderOf()).toBe(holder);
    expect(await lock.put(KEY, "2", call)).toBe(true);
  });
});

describe("a leader that lost its session", () => {
  test("cannot write, is told so, and another one's work stays", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    await endSession(await holderOf());
    const other = await open();
    const next = await other.lock(KEY, call);
    expect(await next.put(KEY, "2", call)).toBe(true);
    expect(await lock.put(KEY, "stale", call)).toBe(false);
    expect(await lock.delete(KEY, call)).toBe(false);
    expect(await lock.lost).toMatch(/session/);
    expect(await consul.kv.get(KEY)).toBe("2");
  });

  test.each(["put", "delete"] as const)("a %s of it that was on its way meanwhile arrives as nothing", async (what) => {
    await consul.kv.put(KEY, "1");
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const lock = await store.lock(KEY, call);
    const held = relay.hold(/\/v1\/txn/);
    const ifIndex = (await store.get(KEY, call))?.index ?? "";
    const [plain, conditional] = [call, { ...call, ifIndex }];
    const write = (one: typeof plain) => (what === "put" ? lock.put(KEY, "stale", one) : lock.delete(KEY, one));
    const late = write(plain);
    const letGo = await held;
    await endSession(await holderOf());
    const next = await (await open()).lock(KEY, call);
    letGo();
    expect(await late).toBe(false);
    expect(await write(conditional)).toBe(false);
    expect(await consul.kv.get(KEY)).toBe("1");
    expect(await next.put(KEY, "2", call)).toBe(true);
  });

  test("cannot write either where nobody has taken the key since", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    await endSession(await holderOf());
    expect(await lock.put(KEY, "stale", call)).toBe(false);
    await lock.lost;
    expect(await consul.kv.get(KEY)).toBe("1");
  });

  test("nor create the key that it found absent", async () => {
    const store = await open();
    const lock = await store.lock(KEY, call);
    const [session] = (await sessions()).filter(({ Name }) => Name.startsWith("confd-haproxy"));
    await endSession(session?.ID);
    expect(await lock.put(KEY, "stale", { ...call, ifIndex: ABSENT })).toBe(false);
    await lock.lost;
    expect(await consul.kv.get(KEY)).toBeUndefined();
  });

  test("hears of it by itself, without writing, and may have the lock again", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    await endSession(await holderOf());
    await lock.lost;
    const again = await store.lock(KEY, call);
    expect(await again.put(KEY, "2", call)).toBe(true);
  });

  test("loses all its keys with it", async () => {
    const store = await open();
    const locks: Lock[] = [];
    for (const tag of ["a", "b", "c"]) {
      await consul.kv.put(`haproxy/memcached/${tag}`, "1");
      locks.push(await store.lock(`haproxy/memcached/${tag}`, call));
    }
    await endSession(await holderOf());
    await Promise.all(locks.map(({ lost }) => lost));
  });

  test("an operator who takes the lock away ends it, with the session alive", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    await consul.request(`/v1/kv/${KEY}?release=${await holderOf()}`, { method: "PUT", body: "1" });
    expect(await lock.lost).toMatch(/lock|session/);
  });

  test("a Consul that starts anew and empty ends the lock", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    await consul.restartEmpty();
    await lock.lost;
    // The loss may be seen by the key that is gone before it is by the session: then the first new lock is not one yet.
    await eventually("a new lock that can write", async () => {
      const again = await store.lock(KEY, call);
      return again.put(KEY, "2", { ...call, ifIndex: ABSENT });
    });
  });
});

describe("a Consul that does not answer", () => {
  test("ends the lock when its TTL is over; the lock comes back with Consul", async () => {
    await consul.kv.put(KEY, "1");
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const lock = await store.lock(KEY, call);
    await relay.cut();
    expect(await lock.lost).toMatch(/could not be renewed/);
    await expect(store.lock(KEY, call)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    await relay.mend();
    const again = await eventually("a new lock", () => store.lock(KEY, call));
    expect(await again.put(KEY, "2", call)).toBe(true);
  });

  test("and hangs ends the lock too, and it is to be had again", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open();
    const lock = await store.lock(KEY, call);
    consul.pause();
    expect(await lock.lost).toMatch(/could not be renewed/);
    consul.resume();
    const again = await eventually("a new lock", () => store.lock(KEY, call));
    expect(await again.put(KEY, "2", call)).toBe(true);
  });

  test("for a moment ends nothing", async () => {
    await consul.kv.put(KEY, "1");
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const lock = await store.lock(KEY, call);
    await relay.cut();
    await relay.mend();
    await eventually("a write", () => lock.put(KEY, "2", call));
    expect(await Promise.race([lock.lost, "held"])).toBe("held");
  });

  test("at one of several addresses: the session lives on through the next one", async () => {
    await consul.kv.put(KEY, "1");
    const first = await startRelay(consul);
    const second = await startRelay(consul);
    const store = await open([first, second]);
    const lock = await store.lock(KEY, call);
    const holder = await holderOf();
    await first.cut();
    const clock = await foreignSession({ TTL: "1s" });
    await eventually("the end of a session that nobody renews", async () =>
      (await sessions()).every(({ ID }) => ID !== clock),
    );
    expect(await holderOf()).toBe(holder);
    expect(await lock.put(KEY, "2", call)).toBe(true);
    expect(second.requests.some((line) => line.includes("/v1/session/renew/"))).toBe(true);
  });

  test.each(["put", "delete"] as const)("to a %s that was done: the lock finds out what became of it", async (what) => {
    await consul.kv.put(KEY, "1");
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const lock = await store.lock(KEY, call);
    relay.swallowAnswerTo(/\/v1\/txn/);
    const write = what === "put" ? lock.put(KEY, "2", call) : lock.delete(KEY, call);
    await expect(write).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(await consul.kv.get(KEY)).toBe(what === "put" ? "2" : undefined);
    const index = (await store.get(KEY, call))?.index ?? ABSENT;
    expect(await lock.put(KEY, "3", { ...call, ifIndex: index })).toBe(true);
    expect(await Promise.race([lock.lost, "held"])).toBe("held");
  });

  test("when a lock is released: the key is given back when it does", async () => {
    await consul.kv.put(KEY, "1");
    await consul.kv.put("haproxy/memcached/b", "1");
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const lock = await store.lock(KEY, call);
    const kept = await store.lock("haproxy/memcached/b", call);
    await relay.cut();
    await expect(lock.release(call)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    await relay.mend();
    await eventually("the key to be free", async () => (await holderOf()) === undefined);
    expect(await Promise.race([kept.lost, "held"])).toBe("held");
  });
});

describe("health checks of the session", () => {
  const check = (id: string, state: "pass" | "fail") => json(`/v1/agent/check/${state}/${id}`, {}).catch(() => {});
  const register = async (id: string) => {
    await consul.request("/v1/agent/check/register", {
      method: "PUT",
      body: JSON.stringify({ ID: id, Name: id, TTL: "60s", Status: "passing" }),
    });
    await eventually("the check to be known", async () =>
      (await json<{ CheckID: string }[]>("/v1/health/node/n1")).some(({ CheckID }) => CheckID === id),
    );
  };

  test("a check that fails frees the keys at once", async () => {
    await consul.kv.put(KEY, "1");
    await register("alive");
    const store = await open([consul], { sessionChecks: ["alive"] });
    const lock = await store.lock(KEY, call);
    const other = asking(await open());
    await check("alive", "fail");
    await lock.lost;
    await eventually("the next holder", () => other.lock);
  });

  test("a check that fails already, or is none, is an error that names the flag", async () => {
    await register("dead");
    await check("dead", "fail");
    await eventually("a critical check", async () =>
      (await json<{ CheckID: string; Status: string }[]>("/v1/health/node/n1")).some(
        ({ CheckID, Status }) => CheckID === "dead" && Status === "critical",
      ),
    );
    for (const [id, said] of [
      ["dead", "critical state"],
      ["none", "Missing check"],
    ] as const) {
      const store = await open([consul], { sessionChecks: [id] });
      await expect(store.lock(KEY, call)).rejects.toMatchObject({
        message: expect.stringContaining(said),
        hint: expect.stringContaining("--ha-check"),
      });
    }
  });
});

describe("locks of many tags in one process", () => {
  // More than Consul lets one client have connections: 200.
  const keys = Array.from({ length: 300 }, (_, i) => `haproxy/memcached/t${i}`);
  const queriesOf = (relay: Relay) => relay.requests.filter((line) => line.includes("index="));

  test("one blocking query waits for all of them, and one more holds them", async () => {
    const theirs = await open();
    await Promise.all(keys.map((key) => theirs.put(key, "1", call)));
    await Promise.all(keys.map((key) => theirs.lock(key, call)));
    const relay = await startRelay(consul);
    const store = await open([relay]);
    const waiters = keys.map((key) => asking(store, key));
    await eventually("the waiting", () => queriesOf(relay).length > 0);
    expect(relay.requests.filter((line) => line.includes("/v1/txn"))).toEqual([]);
    await theirs.close();
    await eventually("all the locks", () => waiters.every(({ lock }) => lock !== undefined));
    expect(queriesOf(relay).every((line) => line.includes("/v1/kv/haproxy/memcached/?recurse"))).toBe(true);
    expect(queriesOf(relay).length).toBeLessThan(20);
    const held = await json<Holder[]>("/v1/kv/haproxy/memcached/?recurse");
    expect(held).toHaveLength(keys.length);
    expect(new Set(held.map(({ Session }) => Session)).size).toBe(1);
  });
});
