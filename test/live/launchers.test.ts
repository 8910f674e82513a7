import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type HaproxyPlace, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { type Launched, launch } from "../support/launch.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { ask, startMemcached } from "../support/memcached.ts";
import { enterTest, leaveTest } from "../support/releases.ts";

describe("launch", () => {
  test("a missing binary names the remedy", () => {
    expect(() => launch("no-such-server", [])).toThrow("run npm test, it installs no-such-server");
  });

  test("what a test starts is gone, with its folder, when the test is over", async () => {
    const first = await inATestOfItsOwn(async () => launch("sleep", ["60"]));
    expect(first.running).toBe(false);
    expect(existsSync(first.dir)).toBe(false);
  });

  test("what it left running in its process group is gone too", async () => {
    const pids: number[] = [];
    await inATestOfItsOwn(async () => {
      const launched = launch("sh", ["-c", "sleep 60 & echo $!; wait"]);
      pids.push(Number(await eventually("the child's pid is out", () => launched.stdout().trim())));
      return launched;
    });
    await eventually("the child has ended", () => !existsSync(`/proc/${pids[0]}/fd/0`));
  });

  test("an exit code and what was written are kept", async () => {
    const launched = launch("sh", ["-c", "echo out; echo err >&2; exit 3"]);
    expect(await launched.exited).toEqual({ code: 3, signal: null });
    expect([launched.stdout(), launched.stderr()]).toEqual(["out\n", "err\n"]);
  });
});

test("every prefix is handed out once, and is really ours", async () => {
  const prefixes = await Promise.all(Array.from({ length: 20 }, () => loopbackPrefix()));
  expect(new Set(prefixes).size).toBe(20);
  const address = `${prefixes[0]}.2`;
  const server = createServer().listen(await freePort(address), address);
  await eventually("the free port can be listened on", () => server.listening);
  server.close();
});

test("eventually shows what it saw last", async () => {
  await expect(eventually("the number is right", () => false, 20)).rejects.toThrow(
    "not within 20 ms: the number is right; last seen: false",
  );
});

describe("memcached", () => {
  test("it crashes, hangs and comes back on the same address", async () => {
    const memcached = await startMemcached();
    const version = () => ask(memcached.address, memcached.port, "version\r\n");
    expect(await version()).toMatch(/^VERSION/);
    await memcached.kill();
    await expect(version()).rejects.toThrow("ECONNREFUSED");
    await memcached.restart();
    memcached.pause();
    await expect(version()).rejects.toThrow("no answer");
    memcached.resume();
    expect(await version()).toMatch(/^VERSION/);
  });
});

describe("haproxy", () => {
  test.each([
    ["plain", false],
    ["master-worker", true],
  ])("%s: it reloads, and goes on when it refuses a file", async (_, masterWorker) => {
    const address = `${await loopbackPrefix()}.1`;
    const config = (place: HaproxyPlace, name: string) =>
      `${haproxyHead(place)}listen ${name}\n    bind ${address}:20001\n`;
    const haproxy = await startHaproxy({ config: (place) => config(place, "first"), masterWorker });
    expect(await haproxy.cli("show stat")).toContain("first,FRONTEND");
    haproxy.writeConfig(config(haproxy, "second"));
    expect(await haproxy.reload()).toBe(true);
    await eventually("the new worker answers", async () =>
      (await haproxy.cli("show stat")).includes("second,FRONTEND"),
    );
    haproxy.writeConfig("nonsense\n");
    expect(await haproxy.reload()).toBe(false);
    expect(await haproxy.cli("show stat")).toContain("second,FRONTEND");
    await haproxy.stop();
    expect(haproxy.running).toBe(false);
  });

  test("a file it refuses at start is reported in its own words", async () => {
    await expect(startHaproxy({ config: "nonsense\n" })).rejects.toThrow("unknown keyword 'nonsense'");
  });
});

describe("consul", () => {
  test("in memory: keys, a crash, and a restart with nothing in it", async () => {
    const consul = await startConsul();
    await consul.kv.put("haproxy/a b", "ü");
    expect(await consul.kv.get("haproxy/a b")).toBe("ü");
    expect(await consul.kv.keys("haproxy/")).toEqual(["haproxy/a b"]);
    await consul.kill();
    await expect(consul.kv.get("haproxy/a b")).rejects.toThrow("fetch failed");
    await consul.restartEmpty();
    expect(await consul.kv.get("haproxy/a b")).toBeUndefined();
  });

  test("persistent: a restart keeps the data, an empty one does not", async () => {
    const consul = await startConsul({ persistent: true });
    await consul.kv.put("haproxy/a", "1");
    await consul.restart();
    expect(await consul.kv.get("haproxy/a")).toBe("1");
    await consul.restartEmpty();
    expect(await consul.kv.get("haproxy/a")).toBeUndefined();
  });

  test("with ACLs a token may do what its rules say", async () => {
    const consul = await startConsul({ acl: true });
    const token = await consul.createToken("read", 'key_prefix "haproxy/" { policy = "read" }');
    await consul.kv.put("haproxy/a", "1");
    expect((await consul.request("/v1/kv/haproxy/a", { token })).status).toBe(200);
    expect((await consul.request("/v1/kv/haproxy/a", { token, method: "PUT", body: "2" })).status).toBe(403);
    expect((await consul.request("/v1/kv/haproxy/a", { token: "" })).status).toBe(403);
  });
});

/** Runs `work` as vitest runs a test: what it starts is released when it is over. */
async function inATestOfItsOwn(work: () => Promise<Launched>): Promise<Launched> {
  enterTest();
  const launched = await work();
  await leaveTest();
  return launched;
}
