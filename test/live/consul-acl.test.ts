import { renameSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Snapshot, Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

const READ = 'key_prefix "haproxy/" { policy = "read" }';

let consul: Consul;
let reader: string;
let nobody: string;

beforeAll(async () => {
  consul = await startConsul({ acl: true });
  reader = await consul.createToken("reader", READ);
  nobody = await consul.createToken("nobody", 'key_prefix "elsewhere/" { policy = "write" }');
});
beforeEach(() => consul.kv.deleteAll(""));

const logger = createCaptureLogger();
const call = { signal: new AbortController().signal };

async function open(identity: { token?: string; tokenFile?: string }): Promise<Store> {
  const addresses = [{ host: consul.address, port: consul.port }];
  const options = { type: "consul", addresses, consistency: "default", ...identity } as const;
  const store = await openStore(options, { clock: systemClock, logger });
  releaseLater("store", () => store.close());
  return store;
}

describe("a token without rights is never mistaken for an empty store", () => {
  test.each([
    ["a key", "haproxy/a"],
    ["a prefix with keys in it", "haproxy/"],
    ["everything", ""],
  ])("%s is denied, by list and by watch", async (_what, prefix) => {
    await consul.kv.put("haproxy/a", "1");
    for (const store of [await open({ token: nobody }), await open({})]) {
      await expect(store.list(prefix, call)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
      await expect(first(store, prefix)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    }
  });

  test("a token that may read only part of an empty prefix is denied the whole", async () => {
    const part = await consul.createToken("part", 'key_prefix "haproxy/memcached/" { policy = "read" }');
    const store = await open({ token: part });
    expect((await store.list("haproxy/memcached/", call)).pairs).toEqual([]);
    await expect(store.list("haproxy/", call)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
  });

  test("an empty prefix that the token may read is believed", async () => {
    const store = await open({ token: reader });
    expect((await store.list("haproxy/", call)).pairs).toEqual([]);
    expect((await first(store, "haproxy/")).pairs).toEqual([]);
  });

  test("folder markers alone are an empty snapshot", async () => {
    await consul.kv.put("haproxy/", "");
    await consul.kv.put("haproxy/memcached/", "");
    expect((await (await open({ token: reader })).list("haproxy/", call)).pairs).toEqual([]);
  });

  test("rights that are taken away during a watch end it with an error, with the old state standing", async () => {
    await consul.kv.put("haproxy/a", "1");
    const token = await makeToken("leaving");
    const snapshots: Snapshot[] = [];
    const ended = collect(await open({ token: token.secret }), snapshots);
    await eventually("the first snapshot", () => snapshots.length === 1);
    await consul.request(`/v1/acl/token/${token.id}`, { method: "DELETE" });
    await consul.kv.put("haproxy/b", "2");
    expect(await ended).toMatchObject({ code: "E_STORE_DENIED" });
    expect(snapshots).toHaveLength(1);
  });
});

describe("writes and the token", () => {
  test("a write without the right to write is denied and changes nothing", async () => {
    await consul.kv.put("haproxy/a", "1");
    const store = await open({ token: reader });
    await expect(store.put("haproxy/a", "2", call)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    await expect(store.delete("haproxy/a", call)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    expect(await consul.kv.get("haproxy/a")).toBe("1");
  });

  test("a token that Consul does not know is told apart, and never shown", async () => {
    const token = "99999999-aaaa-bbbb-cccc-dddddddddddd";
    const error = await (await open({ token })).list("haproxy/", call).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "E_STORE_DENIED",
      message: expect.stringContaining("ACL not found"),
      hint: expect.stringContaining("--token"),
    });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(token);
  });

  test("a token that cannot be one is refused at the start, and not shown", async () => {
    const error = await open({ token: "secret\nX-Evil: 1" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "E_CONFIG" });
    expect(String(error)).not.toContain("secret");
  });
});

describe("the token file", () => {
  test("it is read again when it is replaced, and when it is written in place", async () => {
    await consul.kv.put("haproxy/a", "1");
    const tokenFile = join(tempDir("token"), "token");
    writeFileSync(tokenFile, `${nobody}\n`);
    const store = await open({ tokenFile });
    await expect(store.get("haproxy/a", call)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    writeFileSync(`${tokenFile}.new`, `${reader}\n`);
    renameSync(`${tokenFile}.new`, tokenFile);
    expect((await store.get("haproxy/a", call))?.value).toBe("1");
    writeFileSync(tokenFile, `${consul.token}\n`);
    expect(await store.put("haproxy/a", "2", call)).toBe(true);
  });

  test("a change that the file's times do not show is found when Consul denies", async () => {
    await consul.kv.put("haproxy/a", "1");
    const tokenFile = join(tempDir("token"), "token");
    const longAgo = new Date("2020-01-01T00:00:00Z");
    writeFileSync(tokenFile, nobody);
    utimesSync(tokenFile, longAgo, longAgo);
    const store = await open({ tokenFile });
    await expect(store.get("haproxy/a", call)).rejects.toMatchObject({ code: "E_STORE_DENIED" });
    writeFileSync(tokenFile, reader);
    utimesSync(tokenFile, longAgo, longAgo);
    expect((await store.get("haproxy/a", call))?.value).toBe("1");
  });

  test("a watch goes on with the new token after the old one was revoked", async () => {
    await consul.kv.put("haproxy/a", "1");
    const old = await makeToken("old");
    const tokenFile = join(tempDir("token"), "token");
    writeFileSync(tokenFile, old.secret);
    const snapshots: Snapshot[] = [];
    const stop = new AbortController();
    const ended = collect(await open({ tokenFile }), snapshots, stop.signal);
    await eventually("the first snapshot", () => snapshots.length === 1);
    writeFileSync(tokenFile, reader);
    await consul.kv.put("haproxy/a", "2");
    await eventually("a snapshot", () => snapshots.length === 2);
    await consul.request(`/v1/acl/token/${old.id}`, { method: "DELETE" });
    await consul.kv.put("haproxy/a", "3");
    await eventually("another one", () => snapshots.at(-1)?.pairs[0]?.value === "3");
    stop.abort();
    await ended;
  });

  test("a file that is away for a moment does not stop anything, and is complained about once", async () => {
    await consul.kv.put("haproxy/a", "1");
    const tokenFile = join(tempDir("token"), "token");
    writeFileSync(tokenFile, reader);
    const store = await open({ tokenFile });
    await store.get("haproxy/a", call);
    logger.clear();
    writeFileSync(tokenFile, "two words\n");
    expect((await store.get("haproxy/a", call))?.value).toBe("1");
    unlinkSync(tokenFile);
    expect((await store.get("haproxy/a", call))?.value).toBe("1");
    expect((await store.get("haproxy/a", call))?.value).toBe("1");
    expect(logger.messages("warn")).toHaveLength(1);
  });

  test.each([
    ["is not there", undefined],
    ["holds no token", "two words"],
  ])("a file that %s at the start is a configuration error", async (_what, content) => {
    const tokenFile = join(tempDir("token"), "token");
    if (content !== undefined) writeFileSync(tokenFile, content);
    await expect(open({ tokenFile })).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});

async function first(store: Store, prefix: string): Promise<Snapshot> {
  for await (const snapshot of store.watch(prefix, call)) return snapshot;
  throw new Error("the watch ended without a snapshot");
}

async function collect(store: Store, into: Snapshot[], signal = call.signal): Promise<unknown> {
  try {
    for await (const snapshot of store.watch("haproxy/", { signal })) into.push(snapshot);
    return "ended without an error";
  } catch (error) {
    return error;
  }
}

/** A token that may read, with the name by which it can be revoked. */
async function makeToken(name: string): Promise<{ id: string; secret: string }> {
  await consul.createToken(`${name}-policy`, READ);
  const body = JSON.stringify({ Policies: [{ Name: `${name}-policy` }] });
  const reply = await consul.request("/v1/acl/token", { method: "PUT", body });
  const made = (await reply.json()) as { AccessorID: string; SecretID: string };
  return { id: made.AccessorID, secret: made.SecretID };
}
