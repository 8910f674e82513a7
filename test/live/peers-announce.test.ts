import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type HaproxyPlace, haproxyHead, haproxyPlace, startHaproxy } from "../support/haproxy.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A dead process's key stays for its session's TTL, at most twice as long, and then goes. */
const DEAD_MS = 45_000;

const PEERS = `peers lbs
{{#each (gets "/haproxy/peers/*")}}{{#with (json value)}}    peer {{name}} {{host}}:{{port}}
{{/with}}{{/each}}`;

let consul: Consul;
beforeAll(async () => {
  consul = await startConsul();
});
beforeEach(async () => {
  if (!consul.running) await consul.restart();
  await consul.kv.deleteAll("haproxy");
});

const keyOf = (name: string) => `haproxy/peers/${name}`;
const peerValue = (name: string, host: string, port = 10_000) => JSON.stringify({ name, host, port });

interface Raw {
  readonly CreateIndex: number;
  readonly Session?: string;
}

async function rawOf(name: string): Promise<Raw> {
  const [raw] = (await (await consul.request(`/v1/kv/${keyOf(name)}`)).json()) as Raw[];
  if (raw === undefined) throw new Error(`there is no key of ${name}`);
  return raw;
}

interface LocalHaproxy {
  readonly args: readonly string[];
  readonly toml: string;
  peers(): string[];
  read(): string;
  write(peers: string): void;
  start(env?: Readonly<Record<string, string>>): Launched;
}

/** The files of a render for one HAProxy that is called so. */
function localHaproxy(
  peers: string,
  store: readonly string[] = ["--consul", `${consul.address}:${consul.port}`],
): LocalHaproxy {
  const dir = tempDir("peers");
  const dest = join(dir, "haproxy.cfg");
  const text = (of: string) => `[template]
src = "peers.cfg.hbs"
dest = "${dest}"
keys = ["/haproxy/peers/"]
[peers]
${of}`;
  const confdir = folderWith({ "conf.d/peers.toml": text(peers), "templates/peers.cfg.hbs": PEERS });
  const toml = join(confdir, "conf.d/peers.toml");
  const args = ["--confdir", confdir, "--state-dir", join(dir, "state"), ...store];
  const read = () => (existsSync(dest) ? readFileSync(dest, "utf8") : "");
  return {
    args,
    toml,
    read,
    peers: () => [...read().matchAll(/^ +peer (\S+)/gm)].map(([, name = ""]) => name),
    write: (of) => writeFileSync(toml, text(of)),
    start: (env = {}) => startProgram("render", ["--watch", ...args], env),
  };
}

const called = (name: string, host = "10.0.0.1", port = 10_000) =>
  localHaproxy(`local = "${name}"\nannounce = "${host}:${port}"`);

const present = (name: string, value: string) =>
  eventually(`the key of ${name}`, async () => (await consul.kv.get(keyOf(name))) === value);

describe("while render watches, its HAProxy is in the store", () => {
  test("every HAProxy has all of them in its file, and at SIGTERM the one that goes is gone at once", async () => {
    const [one, two] = [called("lb1"), called("lb2", "10.0.0.2")];
    one.start();
    const second = two.start();
    for (const { peers } of [one, two]) await eventually("both peers", () => peers().join() === "lb1,lb2");
    expect(one.read()).toContain("peer lb2 10.0.0.2:10000");
    expect((await rawOf("lb1")).Session).toBeTruthy();
    expect((await second.stop()).code).toBe(0);
    expect(await consul.kv.keys("haproxy/peers/")).toEqual([keyOf("lb1")]);
    await eventually("one peer", () => one.peers().join() === "lb1");
  });

  test("killed -9 and started again it takes the key over: it was never away, and no other file was touched", async () => {
    const [one, two] = [called("lb1"), called("lb2", "10.0.0.2")];
    const first = one.start();
    await eventually("itself", () => one.peers().join() === "lb1");
    const second = two.start();
    await eventually("both peers", () => one.peers().join() === "lb1,lb2");
    const before = await rawOf("lb2");
    await second.kill();
    const third = two.start();
    const after = await eventually("another session holds the key", async () => {
      const raw = await rawOf("lb2");
      return raw.Session !== undefined && raw.Session !== before.Session && raw;
    });
    expect(after.CreateIndex).toBe(before.CreateIndex);
    // What comes behind it in the store has been seen, and changed nothing either.
    await consul.kv.put(keyOf("zz"), peerValue("zz", "10.0.0.9"));
    await eventually("the last change", () => one.peers().join() === "lb1,lb2,zz");
    expect(one.read()).toContain("peer lb2 10.0.0.2:10000");
    await first.stop();
    expect(first.stderr().match(/ wrote /g)).toHaveLength(3);
    await third.stop();
  });

  test("killed -9 and not started again it goes by itself", { timeout: 60_000 }, async () => {
    const [one, two] = [called("lb1"), called("lb2", "10.0.0.2")];
    one.start();
    const second = two.start();
    await eventually("both peers", () => one.peers().join() === "lb1,lb2");
    await second.kill();
    expect(await consul.kv.get(keyOf("lb2"))).toBe(peerValue("lb2", "10.0.0.2"));
    await eventually("the dead one is out of the other's file", () => one.peers().join() === "lb1", DEAD_MS);
    expect(await consul.kv.get(keyOf("lb1"))).toBe(peerValue("lb1", "10.0.0.1"));
  });

  test("somebody deletes the key, overwrites it, or ends the session: it is there again", async () => {
    called("lb1").start();
    const value = peerValue("lb1", "10.0.0.1");
    await present("lb1", value);
    await consul.kv.delete(keyOf("lb1"));
    await present("lb1", value);
    await consul.kv.put(keyOf("lb1"), "something else");
    await present("lb1", value);
    const { Session: session } = await rawOf("lb1");
    await consul.request(`/v1/session/destroy/${session}`, { method: "PUT" });
    await eventually("another session", async () => {
      const raw = await rawOf("lb1");
      return raw.Session !== undefined && raw.Session !== session;
    });
  });

  test("after a Consul that was away and has forgotten everything it is there again", async () => {
    const one = called("lb1");
    const program = one.start();
    await present("lb1", peerValue("lb1", "10.0.0.1"));
    await consul.kill();
    await untilLogged(program, /the store cannot be read/);
    await consul.restart();
    await present("lb1", peerValue("lb1", "10.0.0.1"));
    expect(one.peers()).toEqual(["lb1"]);
    await program.stop();
    expect(await consul.kv.get(keyOf("lb1"))).toBeUndefined();
  });

  test("a Consul that is away when it starts keeps its own file from nothing", async () => {
    const files = localHaproxy(`local = "lb1"\nannounce = "10.0.0.1:10000"`);
    await consul.kill();
    const program = files.start();
    await untilLogged(program, /cannot be announced to its peers/);
    await consul.restart();
    await present("lb1", peerValue("lb1", "10.0.0.1"));
    await program.stop();
  });

  test("another machine with the same name is told, and takes nothing away", async () => {
    const first = called("lb1").start();
    await present("lb1", peerValue("lb1", "10.0.0.1"));
    const other = called("lb1", "10.0.0.2").start();
    await untilLogged(other, /haproxy\/peers\/lb1 is announced by somebody else, as .*10\.0\.0\.1/);
    expect(await consul.kv.get(keyOf("lb1"))).toBe(peerValue("lb1", "10.0.0.1"));
    await other.stop();
    expect(await consul.kv.get(keyOf("lb1"))).toBe(peerValue("lb1", "10.0.0.1"));
    expect(first.stderr()).not.toContain("not announced any more");
  });

  test("two processes for the same HAProxy do not quarrel, and the key goes with the last one", async () => {
    const [first, files] = [called("lb1").start(), called("lb1")];
    const value = peerValue("lb1", "10.0.0.1");
    await present("lb1", value);
    const created = (await rawOf("lb1")).CreateIndex;
    const second = files.start();
    await untilLogged(second, /announced this HAProxy/);
    await first.stop();
    expect(await rawOf("lb1")).toMatchObject({ CreateIndex: created });
    await second.stop();
    expect(await consul.kv.get(keyOf("lb1"))).toBeUndefined();
  });
});

test("a Consul that is restarted with its data changes nothing: the key is not even written again", async () => {
  const lasting = await startConsul({ persistent: true });
  const files = localHaproxy('local = "lb1"\nannounce = "10.0.0.1:10000"', [
    "--consul",
    `${lasting.address}:${lasting.port}`,
  ]);
  const program = files.start();
  const index = await eventually("the key", () => lasting.kv.index(keyOf("lb1")));
  await lasting.kill();
  await untilLogged(program, /the store cannot be read/);
  await lasting.restart();
  await untilLogged(program, /the store answers again/);
  expect(await lasting.kv.index(keyOf("lb1"))).toBe(index);
  expect(program.stderr()).not.toContain("not announced any more");
  await program.stop();
  expect(await lasting.kv.get(keyOf("lb1"))).toBeUndefined();
});

test("a token that may make no session: what is missing is said, and the rest goes on", async () => {
  const guarded = await startConsul({ acl: true });
  const token = await guarded.createToken("keys", 'key_prefix "haproxy/" { policy = "write" }');
  const files = localHaproxy('local = "lb1"\nannounce = "10.0.0.1:10000"', [
    "--consul",
    `${guarded.address}:${guarded.port}`,
  ]);
  const program = files.start({ CONSUL_HTTP_TOKEN: token });
  await untilLogged(program, /cannot be announced to its peers[\s\S]*session_prefix "" \{ policy = "write" \}/);
  await eventually("its own file", () => files.peers().join() === "lb1");
  await program.stop();
  expect(await guarded.kv.get(keyOf("lb1"))).toBeUndefined();
});

describe("SIGHUP", () => {
  test("leaves the key where it is, and writes another port over the old one in one step", async () => {
    const files = called("lb1");
    const program = files.start();
    await present("lb1", peerValue("lb1", "10.0.0.1"));
    const before = await rawOf("lb1");
    process.kill(program.pid, "SIGHUP");
    await untilLogged(program, /re-read configuration/);
    files.write('local = "lb1"\nannounce = "10.0.0.1:10001"');
    process.kill(program.pid, "SIGHUP");
    await present("lb1", peerValue("lb1", "10.0.0.1", 10_001));
    expect(await rawOf("lb1")).toMatchObject({ CreateIndex: before.CreateIndex, Session: before.Session });
    await eventually("the new port in its own file", () => files.read().includes("10.0.0.1:10001"));
  });

  test("another name is another key, and without announce there is none", async () => {
    const files = called("lb1");
    const program = files.start();
    await present("lb1", peerValue("lb1", "10.0.0.1"));
    files.write('local = "lb9"\nannounce = "10.0.0.1:10000"');
    process.kill(program.pid, "SIGHUP");
    await present("lb9", peerValue("lb9", "10.0.0.1"));
    await eventually("the old key is gone", async () => (await consul.kv.get(keyOf("lb1"))) === undefined);
    files.write('local = "lb9"\nmembers = "lb9=10.0.0.1:10000"');
    process.kill(program.pid, "SIGHUP");
    await eventually("no key is left", async () => (await consul.kv.keys("haproxy/peers/")).length === 0);
    await eventually("the new file", () => files.peers().join() === "lb9");
    expect(program.running).toBe(true);
  });
});

test.each(["--onetime", "--noop"])(
  "render %s announces nobody, and knows its own HAProxy all the same",
  async (how) => {
    const files = called("lb1");
    await consul.kv.put(keyOf("lb2"), peerValue("lb2", "10.0.0.2"));
    const { code } = await runProgram("render", [how, ...files.args]);
    expect(code).toBe(0);
    expect(await consul.kv.keys("haproxy/peers/")).toEqual([keyOf("lb2")]);
    expect(files.peers()).toEqual(how === "--noop" ? [] : ["lb1", "lb2"]);
  },
);

test("in a folder as a store the key is a file, and gone at the end", async () => {
  const folder = tempDir("store");
  const files = localHaproxy('local = "lb1"\nannounce = "10.0.0.1:10000"', ["--store", `file:${folder}`]);
  const program = files.start();
  const file = join(folder, keyOf("lb1"));
  await eventually(
    "the file",
    () => existsSync(file) && readFileSync(file, "utf8").trim() === peerValue("lb1", "10.0.0.1"),
  );
  await eventually("its own peer", () => files.peers().join() === "lb1");
  expect((await program.stop()).code).toBe(0);
  expect(existsSync(file)).toBe(false);
});

describe.each(haproxyBinaries())("a file without the local peer of HAProxy ($version)", ({ binary }) => {
  const HELD = /held back: lb1, the local peer of this HAProxy, is not in its peers section "lbs" \(there: lb2\)/;

  /** A HAProxy that says itself that it is lb1, and a render that nobody told so. */
  async function stage(more: string) {
    const address = `${await loopbackPrefix()}.2`;
    const place = haproxyPlace();
    const rest = (at: HaproxyPlace) =>
      `${haproxyHead(at).replace("nbthread 1", "nbthread 1\n    localpeer lb1")}backend b
    stick-table type integer size 1 peers lbs
    stick on int(1)
    server s1 ${address}:3306
`;
    const haproxy = await startHaproxy({
      place,
      binary,
      masterWorker: true,
      config: (at) => `${rest(at)}peers lbs\n    peer lb1 ${address}:10000\n`,
    });
    const before = readFileSync(place.configPath, "utf8");
    const confdir = folderWith({
      "conf.d/peers.toml": `[template]
src = "peers.cfg.hbs"
dest = "${place.configPath}"
keys = ["/haproxy/peers/"]
check_cmd = "${binary} -c -f {{src}}"
[haproxy]
socket = "${place.socket}"
master_socket = "${place.masterSocket}"
[peers]
${more}`,
      // localpeer only in what runs: the file that is rendered leaves it to HAProxy.
      "templates/peers.cfg.hbs": `${haproxyHead(place)}${PEERS}`,
    });
    const args = [
      "--confdir",
      confdir,
      "--state-dir",
      tempDir("state"),
      "--consul",
      `${consul.address}:${consul.port}`,
    ];
    return { haproxy, args, address, before, read: () => readFileSync(place.configPath, "utf8") };
  }

  test("is held back until it is there, and nothing is reloaded meanwhile", async () => {
    const { haproxy, args, address, before, read } = await stage("");
    await consul.kv.put(keyOf("lb2"), peerValue("lb2", address, 10_001));
    const program = startProgram("render", ["--watch", ...args]);
    await untilLogged(program, HELD);
    expect(program.stderr()).toContain("HAProxy itself goes by this name");
    expect(read()).toBe(before);
    expect(await haproxy.cli("show table")).toContain("b");
    await consul.kv.put(keyOf("lb1"), peerValue("lb1", address));
    await eventually("the whole file", () => /peer lb1 .*\n +peer lb2/.test(read()));
  });

  test("is held back in a single run, too, and --allow-shrink does not change that", async () => {
    const { args, address, before, read } = await stage("");
    await consul.kv.put(keyOf("lb2"), peerValue("lb2", address, 10_001));
    const { code, stderr } = await runProgram("render", ["--onetime", "--allow-shrink", ...args]);
    expect(code).toBe(1);
    expect(stderr).toMatch(HELD);
    expect(read()).toBe(before);
  });

  test("what HAProxy says of itself is announced, and lets the file through", async () => {
    const { args, address, read } = await stage("");
    const announcing = [...args];
    const confdir = announcing[1] ?? "";
    const toml = join(confdir, "conf.d/peers.toml");
    writeFileSync(toml, `${readFileSync(toml, "utf8")}announce = "${address}:10000"\n`);
    startProgram("render", ["--watch", ...announcing]);
    await present("lb1", peerValue("lb1", address));
    await eventually("the file", () => read().includes(`peer lb1 ${address}:10000`));
  });

  test("a peers section with nobody in it is held back", async () => {
    const { args, before, read } = await stage("");
    const { code, stderr } = await runProgram("render", ["--onetime", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain('held back: the peers section "lbs" has no peer at all');
    expect(read()).toBe(before);
  });
});

/** A HAProxy is not reloaded before it has learned what there is to learn: 10 s after its start. */
const LEARNED_MS = 30_000;

describe.each(haproxyBinaries())("HAProxies that come and go ($version)", ({ binary }) => {
  /** A HAProxy with a stick table, and the render that writes its file; both run when this resolves. */
  async function member(name: string, address: string) {
    const place = haproxyPlace();
    const head = haproxyHead(place).replace("nbthread 1", `nbthread 1\n    localpeer ${name}`);
    const table = "    stick-table type integer size 1 nopurge peers lbs\n    stick on int(1)\n";
    const servers = "    server s1 127.0.0.1:1\n    server s2 127.0.0.1:2 backup\n";
    const confdir = folderWith({
      "templates/haproxy.cfg.hbs": `${head}backend b\n${table}${servers}${PEERS}`,
      "conf.d/haproxy.toml": `[template]
src = "haproxy.cfg.hbs"
dest = "${place.configPath}"
keys = ["/haproxy/peers/"]
check_cmd = "${binary} -c -f {{src}}"
[haproxy]
socket = "${place.socket}"
master_socket = "${place.masterSocket}"
[peers]
announce = "${address}:10000"
local = "${name}"`,
    });
    const args = [
      "--confdir",
      confdir,
      "--state-dir",
      tempDir("state"),
      "--consul",
      `${consul.address}:${consul.port}`,
    ];
    expect((await runProgram("render", ["--onetime", "--sync-only", ...args])).code).toBe(0);
    const haproxy = await startHaproxy({ place, binary, masterWorker: true });
    const program = startProgram("render", ["--watch", ...args]);
    return {
      haproxy,
      program,
      peers: () => [...readFileSync(place.configPath, "utf8").matchAll(/^ +peer (\S+)/gm)].map(([, who]) => who).join(),
      /** The peers that it runs with, which is another thing than what its file says. */
      knows: async () =>
        [...(await haproxy.cli("show peers")).matchAll(/id=(\w+)\(/g)]
          .map(([, who]) => who)
          .sort()
          .join(),
      row: async () => /server_id=(\d+)/.exec(await haproxy.cli("show table b"))?.[1],
    };
  }

  test("two become three and then one: each has its local peer all the time, and no table is lost", {
    timeout: 120_000,
  }, async () => {
    const prefix = await loopbackPrefix();
    const one = await member("lb1", `${prefix}.1`);
    const two = await member("lb2", `${prefix}.2`);
    for (const each of [one, two])
      await eventually("two peers run", async () => (await each.knows()) === "lb1,lb2", LEARNED_MS);
    await one.haproxy.cli("set table b key 1 data.server_id 2");
    await eventually("the other one has learned it", async () => (await two.row()) === "2");
    const three = await member("lb3", `${prefix}.3`);
    for (const each of [one, two, three]) {
      await eventually("three peers run", async () => (await each.knows()) === "lb1,lb2,lb3", LEARNED_MS);
    }
    // Both were reloaded, at the same time.
    for (const each of [one, two]) await eventually("its table", async () => (await each.row()) === "2");
    // As the next connection would: each one is news to all of them.
    await one.haproxy.cli("set table b key 1 data.server_id 2");
    await eventually("the new one has it", async () => (await three.row()) === "2");
    await Promise.all([three.program.stop(), one.program.stop()]);
    await eventually("one peer runs", async () => (await two.knows()) === "lb2");
    expect(two.peers()).toBe("lb2");
    await eventually("its table", async () => (await two.row()) === "2");
    expect(two.program.stderr()).not.toContain("held back");
  });
});
