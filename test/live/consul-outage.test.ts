import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import type { Snapshot, Store } from "../../src/core/store.ts";
import type { StoreOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import type { ConsulTiming } from "../../src/stores/consul-timing.ts";
import { openStore } from "../../src/stores/open.ts";
import { type CaptureLogger, createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";

type ConsulOptions = Extract<StoreOptions, { type: "consul" }>;

let stop: AbortController;
let logger: CaptureLogger;
const call = () => ({ signal: stop.signal });

beforeEach(() => {
  const controller = new AbortController();
  stop = controller;
  logger = createCaptureLogger();
  releaseLater("watches", () => controller.abort(new Error("the test is over")));
});

async function open(
  options: Partial<ConsulOptions> & Pick<ConsulOptions, "addresses">,
  timing: Partial<ConsulTiming> = {},
): Promise<Store> {
  const deps = { clock: systemClock, logger, consulTiming: timing };
  const store = await openStore({ type: "consul", consistency: "default", ...options }, deps);
  releaseLater("store", () => store.close());
  return store;
}

function collect(store: Store): { snapshots: Snapshot[]; ended: Promise<unknown> } {
  const snapshots: Snapshot[] = [];
  const run = async () => {
    for await (const snapshot of store.watch("haproxy/", call())) snapshots.push(snapshot);
  };
  return {
    snapshots,
    ended: run().then(
      () => "ended without an error",
      (error: unknown) => error,
    ),
  };
}

/** Stops it and waits until it has stopped: the signal takes effect thread by thread. */
async function hang(consul: Consul): Promise<void> {
  consul.pause();
  await eventually("all threads are stopped", () =>
    readdirSync(`/proc/${consul.pid}/task`).every((thread) => {
      const stat = readFileSync(`/proc/${consul.pid}/task/${thread}/stat`, "latin1");
      return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
    }),
  );
}

const at = (...servers: Consul[]) => ({ addresses: servers.map(({ address, port }) => ({ host: address, port })) });
const onlyValue = (snapshot: Snapshot | undefined) => snapshot?.pairs[0]?.value;

describe("one Consul that fails", () => {
  test("a Consul that is not there is unreachable, with a hint", async () => {
    const host = `${await loopbackPrefix()}.9`;
    const store = await open({ addresses: [{ host, port: 8_500 }] });
    await expect(store.get("haproxy/a", call())).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: `Consul at ${host}:8500 cannot be reached`,
      hint: expect.stringContaining("nothing listens there"),
    });
  });

  test("one that hangs is found out when the time is up, in a call and in a watch", async () => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a", "1");
    const store = await open(at(consul), { waitMs: 1_000, marginMs: 200 });
    const { snapshots, ended } = collect(store);
    await eventually("the first snapshot", () => snapshots.length === 1);
    await hang(consul);
    await expect(store.get("haproxy/a", { ...call(), timeoutMs: 100 })).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: expect.stringContaining("did not answer in time"),
    });
    expect(await ended).toMatchObject({ code: "E_STORE_UNREACHABLE" });
    consul.resume();
    expect((await store.get("haproxy/a", call()))?.value).toBe("1");
  });

  test("an abort does not wait for one that hangs", async () => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a", "1");
    const store = await open(at(consul));
    const { snapshots, ended } = collect(store);
    await eventually("the first snapshot", () => snapshots.length === 1);
    await hang(consul);
    const pending = store.put("haproxy/b", "2", call());
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(await ended).toBe(reason);
  });

  test("a kept connection that a restart has cut is no error of the next call", async () => {
    const consul = await startConsul({ persistent: true });
    const store = await open(at(consul));
    await store.put("haproxy/a", "1", call());
    await consul.restart();
    expect((await store.get("haproxy/a", call()))?.value).toBe("1");
  });

  test("a watch that begins again after a restart with nothing in it sees that, and the keys that come back", async () => {
    const consul = await startConsul();
    for (let n = 0; n < 20; n++) await consul.kv.put("haproxy/a", String(n));
    const store = await open(at(consul));
    const before = collect(store);
    await eventually("the first snapshot", () => before.snapshots.length === 1);
    await consul.restartEmpty();
    expect(await before.ended).toMatchObject({ code: "E_STORE_UNREACHABLE" });
    const after = collect(store);
    await eventually("the empty snapshot", () => after.snapshots.length === 1);
    expect(after.snapshots[0]?.pairs).toEqual([]);
    await consul.kv.put("haproxy/a", "19");
    await eventually("the key", () => onlyValue(after.snapshots.at(-1)) === "19");
  });

  test("a value over Consul's limit is an error that names the limit, and writes nothing", async () => {
    const consul = await startConsul();
    const store = await open(at(consul));
    await expect(store.put("haproxy/a", "x".repeat(600 * 1_024), call())).rejects.toMatchObject({
      code: "E_STORE_INVALID",
      hint: expect.stringContaining("512 KiB"),
    });
    expect(await store.get("haproxy/a", call())).toBeUndefined();
  });

  test("a namespace or datacenter that this Consul does not have is an error that says so", async () => {
    const consul = await startConsul();
    const namespaced = await open({ ...at(consul), namespace: "team" });
    await expect(namespaced.list("haproxy/", call())).rejects.toMatchObject({
      code: "E_STORE_INVALID",
      hint: expect.stringContaining("--namespace"),
    });
    const elsewhere = await open({ ...at(consul), datacenter: "dc9" });
    await expect(elsewhere.list("haproxy/", call())).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      hint: expect.stringContaining("--datacenter"),
    });
  });

  test.each(["consistent", "stale"] as const)("%s reads see keys, and believe an empty prefix", async (consistency) => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a", "1");
    const store = await open({ ...at(consul), consistency, datacenter: "dc1" });
    expect((await store.list("haproxy/", call())).pairs).toHaveLength(1);
    expect((await store.list("nothing/", call())).pairs).toHaveLength(0);
  });
});

describe("several addresses", () => {
  test("the first that answers is used, and stays in use", async () => {
    const [first, second] = [await startConsul(), await startConsul()];
    await second.kv.put("haproxy/a", "from the second");
    const store = await open(at(first, second));
    expect(await store.get("haproxy/a", call())).toBeUndefined();
    await first.kill();
    expect((await store.get("haproxy/a", call()))?.value).toBe("from the second");
    await first.restart();
    expect((await store.get("haproxy/a", call()))?.value).toBe("from the second");
    expect(logger.messages("warn")).toEqual(["going on to the next Consul address"]);
  });

  test("one that hangs costs its share of the time, and the next answers", async () => {
    const [first, second] = [await startConsul(), await startConsul()];
    await second.kv.put("haproxy/a", "from the second");
    const store = await open(at(first, second));
    await hang(first);
    expect((await store.get("haproxy/a", { ...call(), timeoutMs: 2_000 }))?.value).toBe("from the second");
  });

  test("a watch goes on at the next address without ending, whatever that one's index", async () => {
    const [first, second] = [await startConsul(), await startConsul()];
    for (let n = 0; n < 30; n++) await first.kv.put("haproxy/a", String(n));
    await second.kv.put("haproxy/a", "29");
    const { snapshots } = collect(await open(at(first, second)));
    await eventually("the first snapshot", () => snapshots.length === 1);
    await first.kill();
    await eventually("the move", () => logger.messages("warn").length > 0);
    await second.kv.put("haproxy/a", "30");
    await eventually("the change", () => onlyValue(snapshots.at(-1)) === "30");
    expect(snapshots).toHaveLength(2);
  });

  test("when all fail the error names each", async () => {
    const prefix = await loopbackPrefix();
    const addresses = [8, 9].map((last) => ({ host: `${prefix}.${last}`, port: 8_500 }));
    await expect((await open({ addresses })).list("haproxy/", call())).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: expect.stringMatching(/\.8:8500.*\.9:8500/s),
    });
  });

  test("a check-and-set goes to the next address when the first surely did not get it", async () => {
    const [first, second] = [await startConsul(), await startConsul()];
    const store = await open(at(first, second));
    await first.kill();
    expect(await store.put("haproxy/a", "1", { ...call(), ifIndex: "0" })).toBe(true);
    expect(await second.kv.get("haproxy/a")).toBe("1");
  });

  test("a check-and-set that the first may have got is not sent twice", async () => {
    const [first, second] = [await startConsul(), await startConsul()];
    const store = await open(at(first, second));
    await hang(first);
    const write = store.put("haproxy/a", "1", { ...call(), ifIndex: "0", timeoutMs: 600 });
    await expect(write).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(await second.kv.get("haproxy/a")).toBeUndefined();
  });
});

describe("a watch and Consul's load", () => {
  test("a storm of writes costs few answers, and the last state comes", async () => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a", "0");
    const { snapshots } = collect(await open(at(consul)));
    await eventually("the first snapshot", () => snapshots.length === 1);
    const startedMs = performance.now();
    for (let n = 1; n <= 150; n++) await consul.kv.put("haproxy/a", String(n));
    await eventually("the last value", () => onlyValue(snapshots.at(-1)) === "150");
    const gaps = (performance.now() - startedMs) / 100;
    expect(snapshots.length).toBeLessThanOrEqual(3 + gaps);
  });

  test("a write does not wait for a blocking query of the same store", async () => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a", "0");
    const store = await open(at(consul));
    const { snapshots } = collect(store);
    await eventually("the first snapshot", () => snapshots.length === 1);
    expect(await store.put("elsewhere", "1", { ...call(), timeoutMs: 5_000 })).toBe(true);
    expect(snapshots).toHaveLength(1);
  });

  test("waits that end without a change are no news", async () => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a", "0");
    const { snapshots } = collect(await open(at(consul), { waitMs: 50, gapMs: 1, ditherMs: 0 }));
    await eventually("the first snapshot", () => snapshots.length === 1);
    const before = await readsOf(consul);
    await eventually("several waits", async () => (await readsOf(consul)) >= before + 5);
    expect(snapshots).toHaveLength(1);
  });
});

/** How many KV requests Consul has answered, by its own count. */
async function readsOf(consul: Consul): Promise<number> {
  const reply = await consul.request("/v1/agent/metrics");
  const { Samples } = (await reply.json()) as { Samples: { Name: string; Count: number }[] };
  return Samples.filter(({ Name }) => Name.includes("http.GET.v1.kv")).reduce((sum, { Count }) => sum + Count, 0);
}
