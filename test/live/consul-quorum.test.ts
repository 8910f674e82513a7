import { beforeAll, expect, test } from "vitest";
import type { Snapshot, Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";

/** Consul looks for a leader for 7 s before it says that there is none. */
const call = { signal: new AbortController().signal, timeoutMs: 12_000 };

let servers: Consul[];

beforeAll(async () => {
  const prefix = await loopbackPrefix();
  const addresses = [2, 3, 4].map((last) => `${prefix}.${last}`);
  const join = addresses.flatMap((address) => ["-retry-join", `${address}:21301`]);
  // Together: none of them is ready before all are.
  servers = await Promise.all(
    addresses.map((address, i) => {
      const args = ["-node", `n${i}`, "-bootstrap-expect", "3", "-retry-interval", "1s", ...join];
      return startConsul({ address, persistent: true, args });
    }),
  );
});

async function open(consistency: "default" | "stale"): Promise<Store> {
  const { address, port } = servers[0] as Consul;
  const options = { type: "consul", addresses: [{ host: address, port }], consistency } as const;
  const store = await openStore(options, {
    clock: systemClock,
    logger: createCaptureLogger(),
    // A server that was the leader lets a query wait on to its end before it says that it no longer is.
    consulTiming: { waitMs: 1_000, marginMs: 10_000 },
  });
  releaseLater("store", () => store.close());
  return store;
}

test("without a quorum nothing is mistaken for an empty store, and it works again when the servers are back", {
  timeout: 90_000,
}, async () => {
  const [survivor, ...others] = servers as [Consul, Consul, Consul];
  await survivor.kv.put("haproxy/a", "1");
  const [store, stale] = [await open("default"), await open("stale")];
  const snapshots: Snapshot[] = [];
  const watched = (async () => {
    for await (const snapshot of store.watch("haproxy/", { signal: call.signal })) snapshots.push(snapshot);
  })().catch((error: unknown) => error);
  await eventually("the first snapshot", () => snapshots.length === 1);
  // The leader has it; the survivor, which may be a follower, applies it a moment later.
  await eventually("the survivor's own copy", async () => (await stale.list("haproxy/", call)).pairs.length === 1);

  await Promise.all(others.map((other) => other.kill()));
  const leaderless = { code: "E_STORE_NO_LEADER", hint: expect.stringContaining("electing") };
  await eventually("the leader to be missed", () =>
    store.list("haproxy/", call).then(
      () => false,
      () => true,
    ),
  );
  const answers = [store.list("haproxy/", call), store.get("haproxy/a", call), store.put("haproxy/a", "2", call)];
  for (const answer of await Promise.allSettled(answers)) {
    expect(answer).toMatchObject({ status: "rejected", reason: leaderless });
  }
  expect(await watched).toMatchObject({ code: "E_STORE_NO_LEADER" });
  expect(snapshots).toHaveLength(1);
  expect((await stale.list("haproxy/", call)).pairs).toMatchObject([{ key: "haproxy/a", value: "1" }]);
  // It takes the survivor a second to notice that its leader is gone.
  await eventually("the survivor to know of no leader", () =>
    stale.list("nothing/", call).then(
      () => false,
      (error: unknown) => (error as { code?: string }).code === "E_STORE_STALE",
    ),
  );
  await expect(stale.get("nothing", call)).rejects.toMatchObject({ code: "E_STORE_STALE" });

  await Promise.all(others.map((other) => other.restart()));
  // The survivor may still hold connections to the servers as they were before.
  await eventually("a write to go through", () => store.put("haproxy/a", "3", call));
  expect((await store.get("haproxy/a", call))?.value).toBe("3");
});
