import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { ask, startMemcached } from "../support/memcached.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";

/** A kind without servers of its own: what it is told is what its one server's verdict says. */
const ECHO = `
export const checker = {
  kind: "echo",
  summary: "a server that is always up",
  proxyportOffset: 0,
  options: [
    { name: "host", type: "string", required: true, description: "the server" },
    { name: "port", type: "integer", default: 7, description: "its port" },
    { name: "password", type: "string", secret: true, description: "a secret" },
    { name: "mode", type: "string", default: "well", description: "how to behave" },
  ],
  create: ({ host, port, password, mode }) => ({
    discover: async () => [{ host, port }],
    open() {
      globalThis.opened = true;
      if (mode === "throw at first" && globalThis.thrown !== true) {
        globalThis.thrown = true;
        throw new TypeError("a fault in a plugin");
      }
      if (mode === "reject beside") void Promise.reject(new Error("nobody waits for this"));
      return {
        check: async () => ({ state: "up", reason: \`password \${JSON.stringify(password)}\` }),
        close: async () => {},
      };
    },
    close: () => (mode === "never close" && globalThis.opened ? new Promise(() => {}) : Promise.resolve()),
  }),
};
`;

function table(kind: string, tag: string, more: string): string {
  return `[[checker]]\nkind = "${kind}"\ntag = "${tag}"\n${more}\n`;
}

/** A folder with the echo plugin, a configuration whose store is the folder's `kv`, and other files. */
function stage(config: string, files: Readonly<Record<string, string>> = {}) {
  const folder = folderWith({ "echo.mjs": ECHO, "checkers.toml": "", ...files });
  const file = join(folder, "checkers.toml");
  const write = (text: string) => writeFileSync(file, `store = "file:${folder}/kv"\nplugin = "echo.mjs"\n${text}`);
  write(config);
  const entryFile = (kind: string, tag: string) => join(folder, "kv/haproxy", kind, tag);
  return {
    folder,
    file,
    write,
    entry: (kind: string, tag: string) => JSON.parse(readFileSync(entryFile(kind, tag), "utf8")),
    hasEntry: (kind: string, tag: string) => existsSync(entryFile(kind, tag)),
    start: (...more: string[]) => startProgram("checkers", ["--config", file, ...more]),
    once: (more: string[] = [], env: Record<string, string> = {}) =>
      runProgram("checkers", ["--config", file, "--once", ...more], env),
  };
}

test("one process checks all tags of the file over Consul, and moves the one whose server dies", async () => {
  const consul = await startConsul();
  const [a, b] = [await startMemcached(), await startMemcached()];
  const { folder } = stage("");
  const file = join(folder, "many.toml");
  const servers = (...list: string[]) => `server = ${JSON.stringify(list)}`;
  writeFileSync(
    file,
    `consul = "${consul.address}:${consul.port}"\n[defaults]\ninterval = "200ms"\n` +
      table("memcached", "mem1", servers(a.server, b.server)) +
      table("memcached", "mem2", `${servers(b.server)}\nproxyport = 17000`),
  );
  const checker = startProgram("checkers", ["--config", file]);
  const value = (tag: string) => consul.kv.get(`haproxy/memcached/${tag}`);
  const entry = (tag: string, host: string, proxyport: number) =>
    JSON.stringify({ name: tag, host, port: a.port, proxyport });
  const first = entry("mem1", a.address, a.port + 5_000);
  await eventually("the first is published", async () => (await value("mem1")) === first);
  const other = entry("mem2", b.address, 17_000);
  await eventually("the other tag is published", async () => (await value("mem2")) === other);
  await a.kill();
  const second = entry("mem1", b.address, a.port + 5_000);
  await eventually("the second is published", async () => (await value("mem1")) === second);
  expect(await value("mem2")).toBe(other);
  expect(await checker.stop()).toEqual({ code: 0, signal: null });
});

describe("mistakes", () => {
  test("are all found and told before anything starts", async () => {
    const { file, folder } = stage(
      table("echo", "good", 'host = "h1"') +
        table("ecko", "t2", "") +
        table("echo", "t3", 'hots = "h"') +
        table("echo", "t4", 'host = "h"\nfall = 0') +
        table("echo", "t5", "") +
        table("echo", "t6", 'host = "h"\nport = 70000') +
        table("echo", "t7", 'host = "h"\nha = true'),
    );
    const { code, stderr, stdout } = await runProgram("checkers", ["--config", file]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.replaceAll(file, "FILE")).toBe(`error[E_CONFIG] 5 tables cannot be used:
  FILE: [[checker]] 2 (ecko t2): there is no checker "ecko"
    hint: did you mean echo?
  FILE: [[checker]] 3 (echo t3): unknown key "hots"
    hint: did you mean host?
  FILE: [[checker]] 4 (echo t4): fall must be a whole number from 1
  FILE: [[checker]] 5 (echo t5): host is required
    hint: the server
  FILE: [[checker]] 7 (echo t7): ha needs a store with locks, which only Consul has
    hint: use Consul, or leave --ha out: writes are check-and-set without it too
`);
    expect(existsSync(join(folder, "kv"))).toBe(false);
  });

  test.each([
    [
      "a misspelt key of the process",
      'log_levl = "info"',
      /checkers\.toml: unknown key "log_levl"\n {2}hint: did you mean log-level/,
    ],
    ["a kind's own option in [defaults]", '[defaults]\nhost = "h"', /\[defaults\]: unknown key "host"/],
    ["a bad value in [defaults]", '[defaults]\ninterval = "soon"', /\[defaults\]: interval: "soon" is not a duration/],
    ["--once, which is for the command line", table("echo", "a", "once = true"), /\(echo a\): unknown key "once"/],
    ["a token in a table", table("echo", "a", 'token = "t"'), /\(echo a\): unknown key "token"/],
    ["a plugin that is not there", 'plugin = "nope.mjs"', /plugin .*nope\.mjs: there is no such file/],
  ])("%s", async (_, text, says) => {
    const good = text.includes("[[checker]]") ? "" : table("echo", "b", 'host = "h"');
    const { file, folder } = stage("");
    const plugin = text.startsWith("plugin") ? "" : 'plugin = "echo.mjs"\n';
    writeFileSync(file, `store = "file:${folder}/kv"\n${plugin}${text}\n${good}`);
    const { code, stderr } = await runProgram("checkers", ["--config", file]);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
  });

  test.each([
    [["--config"], /argument missing/],
    [["--config", "/nowhere/x.toml"], /cannot read \/nowhere\/x\.toml/],
    [["--once"], /neither a kind nor --config is given/],
    [["memcached", "--config", "x.toml"], /--config is for all kinds: leave the kind out/],
  ])("checkers %j", async (args, says) => {
    const { code, stderr } = await runProgram("checkers", args);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
  });
});

describe("--once", () => {
  test("checks all tags at once and shows each; 0 only if all are good", async () => {
    const good = stage(table("echo", "t1", 'host = "h1"') + table("echo", "t2", 'host = "h2"'));
    const { code, stdout } = await good.once();
    expect(stdout).toBe(`echo t1: publishing h1:7 (nothing is published)
  h1:7  up      password undefined
echo t2: publishing h2:7 (nothing is published)
  h2:7  up      password undefined
2 of 2 tags are good
`);
    expect(code).toBe(0);
    expect(good.entry("echo", "t2")).toEqual({ name: "t2", host: "h2", port: 7, proxyport: 7 });
  });

  test("a tag that is not good, and one with a fault in its code, are told beside the others", async () => {
    const { once, entry } = stage(
      table("echo", "t1", 'host = "h1"') +
        table("echo", "t2", 'host = "h2"\nmode = "throw at first"') +
        table("memcached", "t3", 'server = "127.0.0.1:1"'),
    );
    const { code, stdout } = await once();
    expect(code).toBe(1);
    expect(stdout).toContain("echo t1: publishing h1:7");
    expect(stdout).toContain("echo t2: a fault in a plugin\n");
    expect(stdout).toContain("memcached t3: the only server is not up: nothing is published\n  127.0.0.1:1  down");
    expect(stdout).toMatch(/1 of 3 tags are good\n$/);
    expect(entry("echo", "t1").host).toBe("h1");
  });

  test("with --dry-run nothing is written", async () => {
    const { once, hasEntry } = stage(table("echo", "t1", 'host = "h1"'));
    const { stdout } = await once(["--dry-run"]);
    expect(stdout).toContain("would publish h1:7");
    expect(hasEntry("echo", "t1")).toBe(false);
  });
});

describe("a fault in one tag", () => {
  test("is told, the tag is started again, and the others never notice", async () => {
    const server = await startMemcached();
    const { start, entry, hasEntry } = stage(
      table("memcached", "mem1", `server = "${server.server}"`) +
        table("echo", "bad", 'host = "h1"\nmode = "throw at first"'),
    );
    const checker = start();
    await untilLogged(checker, /echo bad: an error ended it \(a fault in a plugin\)/);
    await eventually("the other is published", () => hasEntry("memcached", "mem1"));
    await eventually("it is started again", () => entry("echo", "bad").host === "h1");
    expect(await checker.stop()).toEqual({ code: 0, signal: null });
  });

  test("that keeps it from ending holds up neither a new plan for long nor the others at all", async () => {
    const stuck = 'host = "h1"\nmode = "never close"';
    const { start, entry, write } = stage(table("echo", "stuck", stuck) + table("echo", "t2", 'host = "h2"'));
    const checker = start();
    await eventually("both are published", () => Boolean(entry("echo", "stuck") && entry("echo", "t2")));
    write(table("echo", "t2", 'host = "h3"'));
    checker.signal("SIGHUP");
    await eventually("the other one has changed", () => entry("echo", "t2").host === "h3");
    await untilLogged(checker, /the end of echo\/stuck took longer than 5000 ms; it is left behind/);
    expect(await checker.stop()).toEqual({ code: 0, signal: null });
  });

  test("that nobody catches does not end the process", async () => {
    const { start, entry } = stage(
      table("echo", "bad", 'host = "h1"\nmode = "reject beside"') + table("echo", "t2", 'host = "h2"'),
    );
    const checker = start();
    await untilLogged(checker, /an error that nobody caught \(nobody waits for this\); all tags go on/);
    await eventually(
      "both are published",
      () => entry("echo", "bad").host === "h1" && entry("echo", "t2").host === "h2",
    );
    expect(checker.running).toBe(true);
    expect(await checker.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("SIGHUP", () => {
  test("starts what is new, ends what is gone, changes what changed, and leaves the rest alone", async () => {
    const server = await startMemcached();
    const kept = table("memcached", "mem1", `server = "${server.server}"`);
    const { start, write, entry } = stage(
      kept + table("echo", "gone", 'host = "h1"') + table("echo", "moved", 'host = "h2"'),
    );
    const checker = start();
    await eventually("all are published", () =>
      [entry("memcached", "mem1"), entry("echo", "gone"), entry("echo", "moved")].every(Boolean),
    );
    const connections = async () =>
      /STAT total_connections (\d+)/.exec(await ask(server.address, server.port, "stats\r\n"))?.[1];
    const before = Number(await connections());
    write(table("echo", "new", 'host = "h4"') + kept + table("echo", "moved", 'host = "h3"'));
    checker.signal("SIGHUP");
    await untilLogged(checker, /read again; new: echo new; changed: echo moved; not checked any more: echo gone/);
    await eventually("the new one is published", () => entry("echo", "new").host === "h4");
    await eventually("the changed one moves", () => entry("echo", "moved").host === "h3");
    // this question was one, too
    expect(Number(await connections())).toBe(before + 1);
    checker.signal("SIGHUP");
    await untilLogged(checker, /no tag has changed/);
    expect(await checker.stop()).toEqual({ code: 0, signal: null });
  });

  test("refuses a broken file and goes on with the old one", async () => {
    const { start, write, entry, file } = stage(table("echo", "t1", 'host = "h1"'));
    const checker = start();
    await eventually("it is published", () => entry("echo", "t1").host === "h1");
    write(table("echo", "t1", 'hots = "h2"'));
    checker.signal("SIGHUP");
    await untilLogged(
      checker,
      /is not used: .*unknown key "hots" \(did you mean host\?\)[\s\S]*the old configuration stays in force/,
    );
    writeFileSync(file, "[[checker");
    checker.signal("SIGHUP");
    await untilLogged(checker, /is not used: .*checkers\.toml:\d+:\d+: /);
    write(table("echo", "t1", 'host = "h3"'));
    checker.signal("SIGHUP");
    await eventually("the mended one is used", () => entry("echo", "t1").host === "h3");
  });

  test("another store is taken, and the entries are written there", async () => {
    const { start, file, entry, folder } = stage(table("echo", "t1", 'host = "h1"'));
    const checker = start();
    await eventually("it is published", () => entry("echo", "t1").host === "h1");
    writeFileSync(file, readFileSync(file, "utf8").replace("/kv", "/other"));
    checker.signal("SIGHUP");
    await eventually("it is published there", () => existsSync(join(folder, "other/haproxy/echo/t1")));
  });
});

describe("db.conf", () => {
  const conf = (section: string) => `conf = "db.conf"\n${section}`;

  test("is followed: a change takes effect for the tag concerned, without a signal", async () => {
    const files = { "db.conf": "[t1]\nhost=h1\n[t2]\nhost=h2\n" };
    const { start, entry, folder } = stage(table("echo", "t1", conf("")) + table("echo", "t2", conf("")), files);
    const checker = start();
    await eventually(
      "both are published",
      () => entry("echo", "t1").host === "h1" && entry("echo", "t2").host === "h2",
    );
    writeFileSync(join(folder, "db.conf"), "[t1]\nhost=h3\n[t2]\nhost=h2\n");
    await eventually("the changed one moves", () => entry("echo", "t1").host === "h3");
    expect(checker.stderr()).toMatch(/read again; changed: echo t1\n/);
  });

  test("does not bring in what was changed in the other file, and a broken one is refused", async () => {
    const files = { "db.conf": "[t1]\nhost=h1\n" };
    const { start, entry, folder, write } = stage(table("echo", "t1", conf("")), files);
    const checker = start();
    await eventually("it is published", () => entry("echo", "t1").host === "h1");
    write(table("echo", "unasked", 'host = "h9"'));
    writeFileSync(join(folder, "db.conf"), "[t1]\nhots=h2\n");
    await untilLogged(checker, /is not used: .*db\.conf: \[t1\]: unknown key "hots"/);
    writeFileSync(join(folder, "db.conf"), "[t1]\nhost=h2\n");
    await eventually("the mended one is used", () => entry("echo", "t1").host === "h2");
    expect(checker.stderr()).not.toContain("unasked");
  });

  test("serves one kind's command line as well: flags beat environment beats file", async () => {
    const { folder } = stage("", {
      "db.conf": '[t1]\nhost = h1\nport = 1\npassword = a#b;c "d" = \\e \ndatabase = x\n',
    });
    const args = ["echo", "--plugin", "echo.mjs", "--tag", "t1", "--conf=db.conf", "--store", "file:kv", "--once"];
    const run = async (more: string[], env: Record<string, string> = {}) => {
      const absolute = args.map((word) =>
        word.replace("echo.mjs", join(folder, "echo.mjs")).replace("=db.conf", `=${folder}/db.conf`),
      );
      return (await runProgram("checkers", [...absolute, "--dry-run", ...more], env)).stdout;
    };
    expect(await run([])).toContain(String.raw`h1:1  up      password "a#b;c \"d\" = \\e "`);
    expect(await run([], { CONFD_HAPROXY_HOST: "h2", CONFD_HAPROXY_PASSWORD: "env" })).toContain(
      `h2:1  up      password "env"`,
    );
    expect(await run(["--host", "h3"], { CONFD_HAPROXY_HOST: "h2" })).toContain("h3:1  up");
  });

  test("without a section for the tag it is an error that lists the sections", async () => {
    const { folder } = stage("", { "db.conf": "[slave1]\n[slave2]\n" });
    const args = ["echo", "--plugin", join(folder, "echo.mjs"), "--conf", join(folder, "db.conf"), "--tag", "slave3"];
    const { code, stderr } = await runProgram("checkers", args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/has no section \[slave3\]\n {2}hint: there are: slave1, slave2/);
  });
});

describe("secrets", () => {
  test("are taken from the file, and the environment beats it; a flag is refused", async () => {
    const { once } = stage(table("echo", "t1", 'host = "h1"\npassword = "from the file"'));
    expect((await once()).stdout).toContain('password "from the file"');
    expect((await once([], { CONFD_HAPROXY_PASSWORD: "from env" })).stdout).toContain('password "from env"');
    const { folder } = stage("");
    const plugin = ["--plugin", join(folder, "echo.mjs")];
    const refused = await runProgram("checkers", [
      "echo",
      ...plugin,
      "--tag",
      "t1",
      "--host",
      "h",
      "--password",
      "hush",
    ]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/--password is not taken on the command line.*\n.*CONFD_HAPROXY_PASSWORD/);
    expect(refused.stderr).not.toContain("hush");
  });

  test("in a file that everybody can read are warned of; in one that only its owner can read they are not", async () => {
    const files = { "db.conf": "[t2]\nhost=h2\npassword=p\n" };
    const { once, file, folder } = stage(
      table("echo", "t1", 'host = "h1"\npassword = "p"') + table("echo", "t2", 'conf = "db.conf"'),
      files,
    );
    const warned = (stderr: string) =>
      [...stderr.matchAll(/(\w+\.\w+) holds a secret and everybody/g)].map(([, name]) => name);
    for (const each of [file, join(folder, "db.conf")]) chmodSync(each, 0o644);
    expect(warned((await once()).stderr)).toEqual(["checkers.toml", "db.conf"]);
    for (const each of [file, join(folder, "db.conf")]) chmodSync(each, 0o640);
    expect(warned((await once()).stderr)).toEqual([]);
  });
});

test("flags are for all tags and beat the file", async () => {
  const { file, folder, entry } = stage(
    table("echo", "t1", 'host = "h1"\nproxyport = 1') + table("echo", "t2", 'host = "h2"'),
  );
  appendFileSync(file, "");
  const { code } = await runProgram("checkers", [
    "--config",
    file,
    "--once",
    "--proxyport",
    "99",
    "--store",
    `file:${folder}/kv`,
  ]);
  expect(code).toBe(0);
  expect([entry("echo", "t1").proxyport, entry("echo", "t2").proxyport]).toEqual([99, 99]);
});

test("--status-port shows every tag, the one that an error has ended too", async () => {
  const server = await startMemcached();
  const { start } = stage(
    table("memcached", "mem1", `server = "${server.server}"`) +
      table("echo", "bad", 'host = "h1"\nmode = "throw at first"'),
  );
  const checker = start("--status-port", "0", "--status-bind", server.address);
  await untilLogged(checker, /status over HTTP {2}url=\S+/);
  const url = /url=(\S+)/.exec(checker.stderr())?.[1];
  const text = async () => (await fetch(`${url}status.txt`)).text();
  await eventually("both are shown", async () =>
    /memcached mem1[\s\S]*h1:7|h1:7[\s\S]*memcached mem1/.test(await text()),
  );
});
