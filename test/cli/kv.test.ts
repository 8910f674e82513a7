import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { folderWith, runProgram } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

const ENTRY = '{"name":"mem1","host":"10.0.0.5","port":11211,"proxyport":16211}';

let store: string[];

function kv(...words: string[]) {
  return runProgram("confd-haproxy", ["kv", ...words, ...store]);
}

describe.each(["Consul", "a folder"])("confd-haproxy kv on %s", (kind) => {
  beforeEach(async () => {
    if (kind === "a folder") {
      store = ["--store", `file:${tempDir()}`];
      return;
    }
    const consul = await startConsul();
    store = ["--consul", `${consul.address}:${consul.port}`];
  });

  test("what is put is listed, got, dumped, and gone after rm", async () => {
    expect(await kv("put", "/haproxy/memcached/mem1", ENTRY)).toEqual({ code: 0, stdout: "", stderr: "" });
    await kv("put", "other", "text");
    expect((await kv("ls", "haproxy")).stdout).toBe("haproxy/memcached/mem1\n");
    expect((await kv("get", "haproxy/memcached/mem1")).stdout).toBe(`${ENTRY}\n`);
    const dump = await kv("dump", "haproxy/");
    expect(JSON.parse(dump.stdout)).toEqual({ "haproxy/memcached/mem1": JSON.parse(ENTRY) });
    expect((await kv("rm", "haproxy/memcached/mem1")).code).toBe(0);
    expect((await kv("ls", "haproxy")).stdout).toBe("");
  });

  test("get of a key that is not there is exit code 1 and names it", async () => {
    const { code, stderr } = await kv("get", "haproxy/nothing");
    expect(code).toBe(1);
    expect(stderr).toContain("error[E_MISSING_KEY] there is no key haproxy/nothing");
  });
});

describe("a dump", () => {
  test("of Consul is a document that render reads without any server", async () => {
    const consul = await startConsul();
    store = ["--consul", `${consul.address}:${consul.port}`];
    await kv("put", "haproxy/memcached/mem1", ENTRY);
    const dir = folderWith({
      "templates/t.tmpl": '{{#each (entries "/haproxy/*/*")}}{{kind}} {{name}} {{host}}:{{port}}\n{{/each}}',
    });
    const out = join(dir, "out");
    const confdir = folderWith({
      "templates/t.tmpl": readFileSync(join(dir, "templates/t.tmpl"), "utf8"),
      "conf.d/t.toml": `[template]\nsrc = "t.tmpl"\ndest = "${out}"\nkeys = ["/haproxy/"]\n`,
    });
    for (const format of ["json", "yaml"]) {
      const file = join(dir, `dump.${format}`);
      writeFileSync(file, (await kv("dump", "--format", format)).stdout);
      const args = ["--onetime", "--confdir", confdir, "--state-dir", join(dir, format), "--store", `file:${file}`];
      expect((await runProgram("render", args)).code).toBe(0);
      expect(readFileSync(out, "utf8")).toBe("memcached mem1 10.0.0.5:11211\n");
      writeFileSync(out, "");
    }
  });

  test("cannot be written to", async () => {
    const dir = folderWith({ "dump.json": "{}" });
    store = ["--store", `file:${dir}/dump.json`];
    const { code, stderr } = await kv("put", "a", "b");
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/read-only/);
    expect(readFileSync(join(dir, "dump.json"), "utf8")).toBe("{}");
  });
});

describe("wrong usage is exit code 2", () => {
  test.each([
    [["kv"]],
    [["kv", "gte", "a"]],
    [["kv", "get"]],
    [["kv", "put", "a"]],
    [["kv", "get", "a", "b"]],
    [["redner"]],
  ])("confd-haproxy %j", async (args) => {
    const dir = tempDir();
    const { code, stderr } = await runProgram("confd-haproxy", [
      ...args,
      ...(args[0] === "kv" ? ["--store", `file:${dir}`] : []),
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error\[E_USAGE\] /);
    expect(existsSync(join(dir, "a"))).toBe(false);
  });
});

test("help and version are for strangers", async () => {
  const help = await runProgram("confd-haproxy", ["--help"]);
  expect(help).toMatchObject({ code: 0, stderr: "" });
  for (const word of ["render", "checkers", "kv"]) expect(help.stdout).toContain(word);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as {
    version: string;
  };
  expect((await runProgram("confd-haproxy", ["--version"])).stdout).toBe(`confd-haproxy ${version}\n`);
  for (const args of [
    ["kv", "--help"],
    ["render", "--help"],
    ["checkers", "memcached", "--help"],
  ]) {
    const { code, stdout, stderr } = await runProgram("confd-haproxy", args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage:");
  }
});
