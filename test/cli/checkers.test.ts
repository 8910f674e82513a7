import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { startMemcached } from "../support/memcached.ts";
import { runProgram, startProgram, untilLogged } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

test("the ancestor's command line: the first server that works is published, and the next one when it dies", async () => {
  const consul = await startConsul();
  const [a, b] = [await startMemcached(), await startMemcached()];
  const args = ["--server", `${a.server},${b.server}`, "--tag", "mem1", "--consul", `${consul.address}:${consul.port}`];
  const checker = startProgram("checkers", ["memcached", ...args, "--token", "any"]);
  const entry = (host: string) => JSON.stringify({ name: "mem1", host, port: a.port, proxyport: a.port + 5_000 });
  await eventually(
    "the first is published",
    async () => (await consul.kv.get("haproxy/memcached/mem1")) === entry(a.address),
  );
  await a.kill();
  await eventually(
    "the second is published",
    async () => (await consul.kv.get("haproxy/memcached/mem1")) === entry(b.address),
  );
  expect(await checker.stop()).toEqual({ code: 0, signal: null });
  expect(checker.stderr()).toMatch(/is down \(connection refused, 2 of 2\)/);
  expect(checker.stderr()).not.toContain("any");
});

test("a checker makes the folder of its store", async () => {
  const server = await startMemcached();
  const folder = join(tempDir(), "entries");
  startProgram("checkers", ["memcached", "--server", server.server, "--tag", "mem1", "--store", `file:${folder}`]);
  await eventually("it is published", () =>
    readFileSync(join(folder, "haproxy/memcached/mem1"), "utf8").includes(server.address),
  );
});

test("--once exits with 0 when the published server is good, with 1 when none is, and says why", async () => {
  const server = await startMemcached();
  const args = ["--server", server.server, "--tag", "mem1", "--store", `file:${tempDir()}`, "--once"];
  const good = await runProgram("checkers", ["memcached", ...args]);
  expect(good.code).toBe(0);
  expect(good.stdout).toContain(`${server.server}  up`);
  await server.kill();
  const bad = await runProgram("checkers", ["memcached", ...args]);
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain("connection refused");
});

test("--dry-run writes nothing", async () => {
  const server = await startMemcached();
  const folder = tempDir();
  const args = ["--server", server.server, "--tag", "mem1", "--store", `file:${folder}`];
  const { stdout } = await runProgram("checkers", ["memcached", ...args, "--once", "--dry-run"]);
  expect(stdout).toContain(server.server);
  const { stdout: keys } = await runProgram("confd-haproxy", ["kv", "ls", "--store", `file:${folder}`]);
  expect(keys).toBe("");
});

test("a store that is away is said once; probing goes on", async () => {
  const server = await startMemcached();
  const args = ["--server", server.server, "--tag", "mem1", "--consul", "127.0.0.1:1"];
  const checker = startProgram("checkers", ["memcached", ...args]);
  await untilLogged(checker, /cannot read haproxy\/memcached\/mem1/);
  await untilLogged(checker, /is up/);
  await server.kill();
  await untilLogged(checker, /is down/);
  expect(checker.stderr().match(/cannot read haproxy/g)).toHaveLength(1);
});

test.each([
  { args: ["memcached", "--tag", "a"], says: /--server is required/ },
  { args: ["memcached", "--server", "10.0.0.1:11211"], says: /--tag is required/ },
  { args: ["memcached", "--tag", "a/b", "--server", "10.0.0.1:11211"], says: /--tag: "a\/b" is not a name/ },
  { args: ["memcached", "--tag", "a", "--server", "10.0.0.1"], says: /--server: "10\.0\.0\.1" is not a server/ },
  { args: ["memcached", "--tag", "a", "--server", "10.0.0.1:65000"], says: /proxyport must be from 1 to 65535/ },
  {
    args: ["memcached", "--tag", "a", "--server", "10.0.0.1:1", "--fall", "0"],
    says: /--fall must be a whole number from 1/,
  },
  { args: ["memcache"], says: /there is no checker "memcache"[\s\S]*memcached/ },
])("wrong usage is exit code 2 and one clear line: $args", async ({ args, says }) => {
  const { code, stderr } = await runProgram("checkers", args);
  expect(code).toBe(2);
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain("    at ");
});
