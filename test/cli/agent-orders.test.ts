import { mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { startMemcached } from "../support/memcached.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

let folder: string;

beforeEach(() => {
  folder = tempDir("orders");
});

/** On a store of this test's own. */
function agent(...words: readonly string[]) {
  return runProgram("confd-haproxy", ["agent", ...words], { CONFD_HAPROXY_STORE: `file:${folder}` });
}

/** What is printed; it must have gone well. */
async function done(...words: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await agent(...words);
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: "" });
  return timeless(stdout);
}

/** Times that are now, or so long from now as the test said, differ from run to run. */
function timeless(stdout: string): readonly string[] {
  return stdout
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
    .replaceAll(folder, "FOLDER")
    .trimEnd()
    .split("\n");
}

const WHERE = "  in file:FOLDER: every agent of the tag that uses this store will know in a moment";

describe("agent maint and drain", () => {
  test("say what is in force, until when, by whom and where, and keep it as JSON that people can read", async () => {
    const words = ["mysqlslave/slave3301", "--reason", "disk swap", "--for", "30m", "--by", "eva"];
    expect(await done("maint", ...words)).toEqual([
      "mysqlslave/slave3301: maint until TIME (in 30 min): disk swap, by eva, since TIME",
      WHERE,
    ]);
    const path = join(folder, "haproxy-agent/maintenance/mysqlslave/slave3301");
    const { since, until, ...rest } = JSON.parse(readFileSync(path, "utf8"));
    expect(rest).toEqual({ state: "maint", reason: "disk swap", by: "eva" });
    expect(Date.parse(until) - Date.parse(since)).toBe(30 * 60_000);
  });

  test("without --for hold until somebody says ready", async () => {
    expect(await done("drain", "slave3301", "--by", "eva")).toEqual([
      "slave3301: drain until somebody says ready, by eva, since TIME",
      WHERE,
    ]);
  });

  test("are by the user and the machine, and by whoever has become root by sudo", async () => {
    const by = async (env: Readonly<Record<string, string>>) => {
      const words = ["agent", "maint", "slave3301", "--store", `file:${folder}`];
      return (await runProgram("confd-haproxy", words, { SUDO_USER: undefined, ...env })).stdout;
    };
    expect(await by({})).toMatch(new RegExp(`, by [^@ ]+@${hostname()}, since`));
    expect(await by({ SUDO_USER: "eva" })).toContain(`, by eva@${hostname()}, since`);
  });

  test("say what they replace", async () => {
    await done("drain", "slave3301", "--by", "eva", "--reason", "slow");
    expect(await done("maint", "slave3301", "--by", "tom")).toEqual([
      "slave3301: maint until somebody says ready, by tom, since TIME",
      WHERE,
      "  in place of slave3301: drain until somebody says ready: slow, by eva, since TIME",
    ]);
  });

  test("say which order counts where several are about the same servers", async () => {
    await done("maint", "slave3301", "--by", "eva");
    await done("maint", "mysqlslave/slave3302", "--by", "eva");
    const server = "mysqlslave/slave3301/10.0.0.5:3301";
    expect((await done("drain", server, "--by", "tom")).slice(2)).toEqual([
      "  weaker, for it is wider, while this one is in force: slave3301: maint until somebody says ready, by eva, since TIME",
    ]);
    expect((await done("maint", "mysqlslave/slave3301", "--by", "tom")).slice(2)).toEqual([
      "  weaker, for it is wider, while this one is in force: slave3301: maint until somebody says ready, by eva, since TIME",
      `  stronger, for it is closer to its servers: ${server}: drain until somebody says ready, by tom, since TIME`,
    ]);
  });

  test("keep a reason to one line", async () => {
    const [line] = await done("maint", "slave3301", "--reason", "disk\n\x1b[31mswap", "--by", "eva");
    expect(line).toBe("slave3301: maint until somebody says ready: disk [31mswap, by eva, since TIME");
  });

  test("tell of a tag that no entry in the store has", async () => {
    mkdirSync(join(folder, "haproxy/mysqlslave"), { recursive: true });
    await runProgram("confd-haproxy", ["kv", "put", "haproxy/mysqlslave/slave3301", "{}", "--store", `file:${folder}`]);
    expect((await done("maint", "slvae3301")).slice(2)).toEqual([
      "  no entry in the store has the tag slvae3301: is slave3301 meant?",
    ]);
    expect(await done("maint", "slave3301")).toHaveLength(2);
  });
});

describe("agent ready", () => {
  test("takes an order back and says which that was", async () => {
    await done("maint", "slave3301", "--by", "eva", "--reason", "disk swap");
    expect(await done("ready", "slave3301")).toEqual([
      "slave3301: ready",
      "  taken back: slave3301: maint until somebody says ready: disk swap, by eva, since TIME",
      WHERE,
    ]);
    expect(await done("list")).toEqual(["no order is in force in file:FOLDER"]);
  });

  test("says what is still in force for its servers", async () => {
    await done("maint", "slave3301", "--by", "eva");
    await done("drain", "mysqlslave/slave3301/10.0.0.5:3301", "--by", "eva");
    await done("maint", "mysqlslave/slave3301", "--by", "eva");
    const lines = await done("ready", "mysqlslave/slave3301");
    expect(lines.slice(3).toSorted()).toEqual([
      "  still in force: mysqlslave/slave3301/10.0.0.5:3301: drain until somebody says ready, by eva, since TIME",
      "  still in force: slave3301: maint until somebody says ready, by eva, since TIME",
    ]);
  });

  test("fails where there is nothing to take back, and names what is said in other words", async () => {
    await done("maint", "mysqlslave/slave3301", "--by", "eva");
    const { code, stdout } = await agent("ready", "slave3301");
    expect([code, ...timeless(stdout)]).toEqual([
      1,
      "slave3301: nothing to take back, no order stands for exactly this",
      "  in file:FOLDER",
      "  still in force: mysqlslave/slave3301: maint until somebody says ready, by eva, since TIME",
    ]);
  });

  test("fails for an order that is over already", async () => {
    await done("maint", "slave3301", "--for", "1ms");
    const { code, stdout } = await agent("ready", "slave3301");
    expect([code, timeless(stdout)[0]]).toEqual([
      1,
      "slave3301: nothing to take back, no order stands for exactly this",
    ]);
  });
});

describe("agent list", () => {
  test("tells all orders, those that are over too, and what nobody understands", async () => {
    await done("maint", "slave3301", "--by", "eva", "--for", "1ms");
    await done("drain", "memcached/mem1", "--by", "eva", "--for", "25h");
    await runProgram("confd-haproxy", ["kv", "put", "haproxy-agent/maintenance/x/y", "z", "--store", `file:${folder}`]);
    const lines = (await done("list")).map((line) => line.replace(/\d+ s ago/, "N s ago"));
    expect(lines.toSorted()).toEqual([
      "memcached/mem1: drain until TIME (in 25 h), by eva, since TIME",
      "not heeded by any agent: haproxy-agent/maintenance/x/y: it is not a JSON object",
      "slave3301: over: maint until TIME (N s ago), by eva, since TIME",
    ]);
  });

  test("of a tag tells what concerns it", async () => {
    await done("maint", "slave3301", "--by", "eva");
    await done("maint", "mysqlslave/slave3302", "--by", "eva");
    expect(await done("list", "mysqlslave/slave3301")).toEqual([
      "slave3301: maint until somebody says ready, by eva, since TIME",
    ]);
    expect(await done("list", "redismaster/r1")).toEqual(["no order about redismaster/r1 is in force in file:FOLDER"]);
  });
});

describe("agent recover", () => {
  test("has another id each time", async () => {
    const ids = new Set<string>();
    for (const _ of [1, 2]) {
      expect(await done("recover", "hbase/rs1", "--by", "eva")).toEqual([
        "hbase/rs1: whoever is held down is let go, and is up as soon as it is well",
        WHERE,
      ]);
      const { id, by } = JSON.parse(readFileSync(join(folder, "haproxy-agent/recover/hbase/rs1"), "utf8"));
      expect(by).toBe("eva");
      ids.add(id);
    }
    expect(ids.size).toBe(2);
  });
});

describe("where orders are kept", () => {
  test("Consul, where it is named", async () => {
    const consul = await startConsul();
    const words = ["agent", "maint", "slave3301", "--consul", consul.server, "--by", "eva"];
    const { code, stdout } = await runProgram("confd-haproxy", words);
    expect([code, stdout.split("\n")[1]]).toEqual([
      0,
      `  in consul://${consul.server}: every agent of the tag that uses this store will know in a moment`,
    ]);
    expect(await consul.kv.keys("")).toContain("haproxy-agent/maintenance/*/slave3301");
  });

  test("without a store, in the folder that the agents of this machine read; it is an error where there is none", async () => {
    const stateDir = tempDir("state");
    const words = ["agent", "maint", "decided", "--state-dir", stateDir];
    const before = await runProgram("confd-haproxy", words);
    expect([before.code, before.stdout]).toEqual([2, ""]);
    expect(before.stderr).toContain(
      `no store is named, and no agent without a store has run here (there is no ${stateDir}/agent-orders)`,
    );
    expect(before.stderr).toContain("hint: name the store of the checkers, e.g. --consul localhost:8500");

    const host = `${await loopbackPrefix()}.1`;
    const port = await freePort(host);
    const args = ["memcached", "--tag", "mem1", "--server", `${host}:1`, "--agent-bind", host];
    const checkers = startProgram("checkers", [...args, "--agent-port", `${port}`, "--state-dir", stateDir]);
    await untilLogged(checkers, /the agent port is open/);
    for (const named of [
      ["--state-dir", stateDir],
      ["--state-dir", stateDir, "--store", "none"],
    ]) {
      const given = await eventually("an order is taken", async () => {
        const finished = await runProgram("confd-haproxy", ["agent", "maint", "mem1", "--reason", "disk", ...named]);
        return finished.code === 0 && finished;
      });
      expect(given.stdout).toContain(": the agents of this machine that have no store will know in a moment");
      await eventually("it is obeyed", async () =>
        (await runProgram("confd-haproxy", ["agent", "ask", `${host}:${port}`])).stdout.includes("maint #disk"),
      );
      const back = await runProgram("confd-haproxy", ["agent", "ready", "mem1"], { STATE_DIRECTORY: stateDir });
      expect(back.code).toBe(0);
    }
  });

  test("obeyed by the agent of many tags for the one that is meant, while the entries stay as they are", async () => {
    const [consul, memcached] = [await startConsul(), await startMemcached()];
    const port = await freePort(memcached.address);
    const table = (tag: string) => `[[checker]]\nkind = "memcached"\ntag = "${tag}"\nserver = "${memcached.server}"\n`;
    const file = `[agent]\nport = ${port}\nbind = "${memcached.address}"\n${table("mem1")}${table("mem2")}`;
    const dir = folderWith({ "checkers.toml": file });
    const store = ["--consul", consul.server];
    startProgram("checkers", ["--config", join(dir, "checkers.toml"), ...store, "--state-dir", join(dir, "state")]);
    const says = async (tag: string, line: string) => {
      const words = ["agent", "ask", `${memcached.address}:${port}`, "--send", tag];
      return /^answered +(.*)\\n$/m.exec((await runProgram("confd-haproxy", words)).stdout)?.[1] === line;
    };
    for (const tag of ["mem1", "mem2"]) await eventually("it is up", () => says(tag, "up"));
    const before = await consul.kv.get("haproxy/memcached/mem1");
    expect(before).toContain(memcached.address);
    await runProgram("confd-haproxy", ["agent", "maint", "memcached/mem1", "--reason", "ram", "--by", "eva", ...store]);
    await eventually("it is obeyed", () => says("mem1", "maint #ram (eva)"));
    expect(await says("mem2", "up")).toBe(true);
    expect(await consul.kv.get("haproxy/memcached/mem1")).toBe(before);
  });

  test("nowhere, when the store cannot be reached", async () => {
    const host = `${await loopbackPrefix()}.1`;
    const { code, stdout, stderr } = await runProgram("confd-haproxy", [
      "agent",
      "maint",
      "x",
      "--consul",
      `${host}:1`,
    ]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("error[E_STORE_UNREACHABLE]");
  });

  test("not in a document that can only be read", async () => {
    const dir = folderWith({ "snapshot.json": "{}" });
    const words = ["agent", "maint", "x", "--store", `file:${join(dir, "snapshot.json")}`];
    const { code, stdout, stderr } = await runProgram("confd-haproxy", words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/read-only/);
  });
});

describe("what is not understood", () => {
  test.each<[string, readonly string[], RegExp]>([
    ["no tag", ["maint"], /missing required argument 'tag'\n {2}hint: see confd-haproxy agent maint --help/],
    ["two tags", ["drain", "a", "b"], /too many arguments/],
    [
      "a tag that is none",
      ["ready", "a b"],
      /"a b" names no tag\n {2}hint: write tag, kind\/tag or kind\/tag\/host:port/,
    ],
    ["a server without its kind", ["maint", "mem1/10.0.0.5:11211"], /hint: write kind\/mem1\/10.0.0.5:11211/],
    ["no time at all", ["maint", "a", "--for", "0"], /--for must be more than nothing/],
    [
      "a time of centuries",
      ["maint", "a", "--for", "9999999999d"],
      /--for must be more than nothing and at most 3650d/,
    ],
    ["a time that is none", ["maint", "a", "--for", "soon"], /--for: "soon" is not a duration/],
    ["--for where it means nothing", ["ready", "a", "--for", "5m"], /unknown option '--for'/],
    [
      "an action that does not exist",
      ["maintain", "a"],
      /there is no action "maintain" of agent\n {2}hint: did you mean maint/,
    ],
  ])("%s is refused, and nothing is written", async (_, words, message) => {
    const { code, stdout, stderr } = await agent(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(await done("list")).toEqual(["no order is in force in file:FOLDER"]);
  });

  test("each action explains itself", async () => {
    for (const action of ["maint", "drain", "ready", "recover", "list"]) {
      expect((await done(action, "--help")).join("\n")).toContain(`confd-haproxy agent ${action}`);
    }
    expect((await done("--help")).join("\n")).toMatch(/maint {5}take servers out of use/);
  });
});

describe("the page on orders", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/agent-orders.md"), "utf8");
  const blocks = [...page.matchAll(/^```console\n(.*?)^```/gms)].map(([, text = ""]) => text);
  const quiet = (text: string) =>
    text
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:]+Z/g, "TIME")
      .replaceAll(/consul:\/\/127\.0\.0\.1:8500|file:\/\S+(?=:)/g, "STORE");

  test("shows what the commands print", async () => {
    for (const [, command = "", printed = ""] of (blocks[0] ?? "").matchAll(
      /^\$ confd-haproxy (.*)\n((?:[^$].*\n)+)/gm,
    )) {
      const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
      const by = words.includes("list") || words.includes("ready") ? [] : ["--by", "eva@db1"];
      const { stdout } = await agent(...words.slice(1), ...by);
      expect(quiet(stdout)).toBe(quiet(printed));
    }
    expect(blocks[0]?.match(/^\$/gm)).toHaveLength(5);
  });

  test("shows a value that can be written by hand", async () => {
    const [, key = "", value = ""] = /kv put (\S+) '(.*)'/.exec(blocks[1] ?? "") ?? [];
    await runProgram("confd-haproxy", ["kv", "put", key, value, "--store", `file:${folder}`]);
    expect(await done("list")).toEqual([expect.stringMatching(/^mysqlslave\/slave3301: drain until TIME \(in \d+ d/)]);
  });
});
