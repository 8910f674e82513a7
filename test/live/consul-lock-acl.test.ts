import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/core/store.ts";
import { ABSENT } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { releaseLater } from "../support/releases.ts";

const KEY = "haproxy/memcached/a";
const KEYS = 'key_prefix "haproxy/" { policy = "write" }';
const SESSIONS = 'session_prefix "" { policy = "write" }';

/** What the documentation says that one tag needs at the least; the agent's node is called n1. */
const LEAST = `key "${KEY}" { policy = "write" } session "n1" { policy = "write" }`;

const DENIED = {
  code: "E_STORE_DENIED",
  hint: expect.stringMatching(
    /key_prefix "haproxy\/" \{ policy = "write" \} and session_prefix "" \{ policy = "write" \}/,
  ),
};

let consul: Consul;
beforeAll(async () => {
  consul = await startConsul({ acl: true });
});
beforeEach(() => consul.kv.deleteAll(""));

const call = { signal: new AbortController().signal };

async function open(rules: string): Promise<Store & Required<Pick<Store, "lock">>> {
  const token = await consul.createToken(`token-${names++}`, rules);
  const addresses = [{ host: consul.address, port: consul.port }];
  const deps = { clock: systemClock, logger: createCaptureLogger(), consulTiming: { sessionTtlMs: 1_000 } };
  const store = await openStore({ type: "consul", addresses, consistency: "default", token }, deps);
  releaseLater("store", () => store.close());
  return store as Store & Required<Pick<Store, "lock">>;
}
let names = 0;

/** Changes what the last token made by {@link open} may do. */
async function changeRules(rules: string): Promise<void> {
  const name = `token-${names - 1}`;
  const policies = (await (await consul.request("/v1/acl/policies")).json()) as { ID: string; Name: string }[];
  const id = policies.find((policy) => policy.Name === name)?.ID;
  const body = JSON.stringify({ ID: id, Name: name, Rules: rules });
  expect((await consul.request(`/v1/acl/policy/${id}`, { method: "PUT", body })).status).toBe(200);
}

describe("the rights that a lock needs", () => {
  test("the least that is documented is enough for one tag, from the first write to the handing over", async () => {
    const store = await open(LEAST);
    const lock = await store.lock(KEY, call);
    expect(await lock.put(KEY, "1", { ...call, ifIndex: ABSENT })).toBe(true);
    const index = (await store.get(KEY, call))?.index ?? "";
    expect(await lock.put(KEY, "2", { ...call, ifIndex: index })).toBe(true);
    await lock.release(call);
    const again = await store.lock(KEY, call);
    expect(await again.delete(KEY, call)).toBe(true);
  });

  test("without the right to sessions asking for a lock says which are missing", async () => {
    const store = await open(KEYS);
    await expect(store.lock(KEY, call)).rejects.toMatchObject(DENIED);
  });

  test("without the right to write the key taking it says the same", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open(`key_prefix "haproxy/" { policy = "read" } ${SESSIONS}`);
    await expect(store.lock(KEY, call)).rejects.toMatchObject(DENIED);
  });

  test("and creating it as well", async () => {
    const store = await open(`key_prefix "haproxy/" { policy = "read" } ${SESSIONS}`);
    const lock = await store.lock(KEY, call);
    await expect(lock.put(KEY, "1", { ...call, ifIndex: ABSENT })).rejects.toMatchObject(DENIED);
  });

  test("rights that are taken away end the lock when the session cannot be renewed, and asking again says why", async () => {
    await consul.kv.put(KEY, "1");
    const store = await open(`${KEYS} ${SESSIONS}`);
    const lock = await store.lock(KEY, call);
    await changeRules(KEYS);
    expect(await lock.lost).toMatch(/could not be renewed.*denied|denies/i);
    await expect(store.lock(KEY, call)).rejects.toMatchObject(DENIED);
  });

  test("a token that Consul does not know is told apart", async () => {
    const addresses = [{ host: consul.address, port: consul.port }];
    const token = "99999999-aaaa-bbbb-cccc-dddddddddddd";
    const deps = { clock: systemClock, logger: createCaptureLogger() };
    const store = await openStore({ type: "consul", addresses, consistency: "default", token }, deps);
    releaseLater("store", () => store.close());
    await expect(store.lock?.(KEY, call)).rejects.toMatchObject({
      code: "E_STORE_DENIED",
      message: expect.stringContaining("ACL not found"),
      hint: expect.stringContaining("--token"),
    });
  });

  test("several tags need the right to read the folder", async () => {
    const other = "haproxy/memcached/b";
    const store = await open(`${LEAST} key "${other}" { policy = "write" }`);
    const asked = [KEY, other].map((key) => store.lock(key, call).catch((error: unknown) => error));
    for (const answer of asked) {
      expect(await answer).toMatchObject({
        code: "E_STORE_DENIED",
        message: expect.stringContaining("haproxy/memcached/"),
      });
    }
    await changeRules(`key_prefix "haproxy/memcached/" { policy = "write" } session "n1" { policy = "write" }`);
    await eventually("both locks", () => Promise.all([KEY, other].map((key) => store.lock(key, call))));
  });
});
