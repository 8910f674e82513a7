import { chmodSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type Launched, launch } from "../support/launch.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { folderWith } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

const REPOSITORY = join(import.meta.dirname, "../..");

/** What `npm start` runs after the set-up, so that the two cannot differ. */
const COMMAND = /&& *(?:exec +)?(.+)$/.exec(
  JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")).scripts.start,
)?.[1];

interface Tour extends Launched {
  /** Its own processes that still run: their TMPDIR or their working directory is in the one that it was given. */
  processes(): { pid: number; command: string }[];
  /** Its folders that are still there. */
  folders(): string[];
}

/** `programs` is a folder of programs to prefer to the machine's. */
function startTour(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  programs: string = join(REPOSITORY, "node_modules/.bin"),
): Tour {
  const tmp = tempDir("tour-test");
  const path = `${programs}:${process.env["PATH"]}`;
  const launched = launch("sh", ["-c", `exec ${COMMAND} "$@"`, "sh", ...args], {
    dir: REPOSITORY,
    env: { ...env, TMPDIR: tmp, PATH: path },
  });
  return Object.defineProperties(
    {
      processes: () => processesIn(tmp),
      // tsx keeps its cache there too
      folders: () => readdirSync(tmp).filter((name) => name.startsWith("confd-haproxy")),
    },
    // Not a spread: running is a getter.
    Object.getOwnPropertyDescriptors(launched),
  ) as Tour;
}

function processesIn(tmp: string): { pid: number; command: string }[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      // Redis writes its title over its environment.
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      if (!cwd.startsWith(tmp) && !readFileSync(`/proc/${pid}/environ`, "utf8").includes(`TMPDIR=${tmp}`)) return [];
      return [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") }];
    } catch {
      // ended meanwhile, or not ours to read
      return [];
    }
  });
}

/** A crash of the one process whose command line says so. */
function killOne(tour: Tour, command: string): void {
  const victim = tour.processes().find((one) => one.command.includes(command));
  // Without a pid kill() would mean ourselves.
  if (victim === undefined) throw new Error(`${command} does not run`);
  process.kill(victim.pid, "SIGKILL");
}

async function untilSaid(tour: Tour, pattern: RegExp): Promise<void> {
  await eventually(`the tour says ${pattern}, or ends`, () => pattern.test(tour.stdout()) || !tour.running);
  expect(tour.stdout(), tour.stderr()).toMatch(pattern);
}

/** Until the last line of the guide of --stay; each wait has its own deadline. */
async function untilItStays(tour: Tour): Promise<void> {
  for (const said of [/memcached-. killed/, /redis-. killed/, /HAProxy's own page: +http/]) await untilSaid(tour, said);
}

async function expectNothingLeft(tour: Tour): Promise<void> {
  expect(tour.folders()).toEqual([]);
  // What was killed last may need a moment to be gone.
  await eventually("no process of the tour is left", () => tour.processes().length === 0).catch(() => {
    expect(tour.processes()).toEqual([]);
  });
}

/** From whom to whom each scene went, by the summary. */
function outcomesOf(output: string): { from: string; fault: string; to: string }[] {
  const rows = output.matchAll(/^(\S+) (killed|stopped replicating) +(\S+)(?: +\d+){6}$/gm);
  return [...rows].map(([, from = "", fault = "", to = ""]) => ({ from, fault, to }));
}

/** The four scenes, each as the timeline tells it and as the summary has it. */
function expectScenes(output: string): void {
  const outcomes = outcomesOf(output);
  expect(
    outcomes.map(({ from, fault, to }) => `${from} ${fault}: ${to}`.replaceAll(/-(?:[AB]|\d)\b/g, "")),
    output,
  ).toEqual([
    "memcached killed: memcached",
    "db-replica stopped replicating: db-replica",
    "db-replica killed: db-master",
    "redis killed: redis",
  ]);
  // What the replica in the second scene leaves is what dies in the third.
  expect(outcomes[1]?.to).toBe(outcomes[2]?.from);
  const [before = "", ...scenes] = output.split("(ms since then)");
  expect(before).toMatch(/haproxy -c accepted it in [\d.]+ ms\n/);
  for (const [at, { from, to }] of outcomes.entries()) {
    expect(to).not.toBe(from);
    const scene = scenes[at] ?? "";
    expect(scene).toMatch(new RegExp(`checkers +(warn: )?${from} is down \\(`));
    expect(scene).toMatch(new RegExp(`entry +points to ${to}\n`));
    expect(scene).toMatch(/haproxy -c accepted it in [\d.]+ ms\n/);
    expect(scene).toMatch(new RegExp(`file +haproxy.cfg in place, with server ${to}\n`));
    expect(scene).toMatch(new RegExp(`haproxy +sends to ${to}, without a reload\n`));
    expect(scene).toMatch(new RegExp(`client +is answered by ${to}\n`));
  }
  expect(scenes[1]).toMatch(new RegExp(`haproxy +its own check says ${outcomes[1]?.from} is UP`));
  expect(scenes[3]).toMatch(
    new RegExp(`sentinel +sentinel-\\d says \\+switch-master: ${outcomes[3]?.to} is the master`),
  );
  expect(output).toMatch(/^ {2}\d+ ms until the first Sentinel says \+switch-master; the entry \d+ ms later$/m);
}

test("over a folder, and beside it over a Consul that is there: four faults, each with an heir, and nothing is left", async () => {
  const consul = await startConsul({ acl: true });
  const entry = JSON.stringify({ name: "mem1", host: "10.0.0.1", port: 11_211, proxyport: 16_211 });
  await consul.kv.put("haproxy/memcached/mem1", entry);
  const CONSUL_HTTP_TOKEN = await consul.createToken("tour", 'key_prefix "haproxy/" { policy = "write" }');
  // CI is set: no colour in a pipe all the same.
  const overFolder = startTour([], { CI: "true" });
  const overConsul = startTour(["--store", `consul://${consul.server}`], { CONSUL_HTTP_TOKEN });

  await untilSaid(overConsul, /memcached-\w killed/);
  expect(await consul.kv.keys("haproxy/")).toEqual([
    "haproxy/memcached/mem1",
    expect.stringMatching(/^haproxy\/memcached\/tour-\d+-memcached$/),
    expect.stringMatching(/^haproxy\/mysqlslave\/tour-\d+-mysql$/),
    expect.stringMatching(/^haproxy\/redismaster\/tour-\d+-redis$/),
  ]);
  for (const tour of [overFolder, overConsul]) {
    const { code } = await tour.exited;
    expect(tour.stderr()).toBe("");
    expect(code).toBe(0);
    expectScenes(tour.stdout());
    await expectNothingLeft(tour);
  }
  // Only the tour's own keys were used, and they are gone.
  expect(await consul.kv.keys("haproxy/")).toEqual(["haproxy/memcached/mem1"]);
  expect(await consul.kv.get("haproxy/memcached/mem1")).toBe(entry);

  const said = overFolder.stdout();
  expect(said).toContain("npm start -- --stay");
  expect(said).not.toContain("\x1b");
  expect(said.split("\n").filter((line) => line.length > 100)).toEqual([]);
});

test("no Consul answers elsewhere: one error that names the address, exit code 1", async () => {
  // A name that must not exist (RFC 6761): no answer without asking anybody.
  const tour = startTour(["--store", "consul://consul.invalid:8500"]);
  expect((await tour.exited).code).toBe(1);
  expect(tour.stderr()).toMatch(/It did not work: .*consul\.invalid:8500/);
  await expectNothingLeft(tour);
});

test("a server that does not start: its own words, exit code 1, and nothing is left of the others", async () => {
  const folder = folderWith({ "redis-sentinel": "#!/bin/sh\necho the reason >&2\nexit 3\n" });
  chmodSync(join(folder, "redis-sentinel"), 0o755);
  const tour = startTour([], {}, folder);
  expect((await tour.exited).code).toBe(1);
  expect(tour.stderr()).toMatch(/It did not work: sentinel on [\d.]+ ended with 3: the reason/);
  await expectNothingLeft(tour);
});

test("--stay over a Consul of its own: mended, each command can be pasted and does what it says, Ctrl-C ends it with 0", async () => {
  const address = `${await loopbackPrefix()}.1`;
  const tour = startTour(["--stay", "--store", `consul://${address}:${await freePort(address)}`]);
  await untilItStays(tour);
  expectScenes(tour.stdout());
  expect(tour.processes().some(({ command }) => command.includes(`agent -dev -node n1 -bind ${address}`))).toBe(true);

  const guide = /What to try:[\s\S]*own page: .+/.exec(tour.stdout())?.[0] ?? "";
  await expectHarmless(guide);
  await expectPages(guide);
  await expectMoves(tour, guide);
  expect(tour.running).toBe(true);
  tour.signal("SIGINT");
  expect((await tour.exited).code, tour.stderr()).toBe(0);
  await expectNothingLeft(tour);
}, 60_000);

/** The commands that only look, pasted one after the other as they stand there. */
async function expectHarmless(guide: string): Promise<void> {
  const commands = guide.split("\n").filter((line) => line.startsWith("    "));
  const pasted = commands.filter((line) => !/kill|tail|curl|SLAVE|FAILOVER/.test(line)).join("\n");
  const logs = /tail -f (.+)/.exec(guide)?.[1];
  const said = await paste(`${pasted}\nhead -n 1 ${logs}`);
  expect(said).toMatch(/"name":"tour-\d+-memcached"[\s\S]*"name":"tour-\d+-mysql"[\s\S]*"name":"tour-\d+-redis"/);
  expect(said).toMatch(/\[\[checker\]\]\nkind = "memcached"/);
  expect(said).toMatch(/listen tour-\d+-memcached\n/);
  expect(said).toMatch(/be_name srv_id srv_name/);
  expect(said).toMatch(/VALUE who 0 11\r\nmemcached-[AB]\r\nEND/);
  expect(said).toMatch(/@@server_id\t@@bind_address\n[34]\t127\./);
  expect(said).toMatch(/^OK$/m);
  expect(said).toMatch(/==> .*checkers\.log <==\n.+\n\n==> .*haproxy\.log <==\n.+\n\n==> .*render\.log <==\n.+\n/);
}

async function expectPages(guide: string): Promise<void> {
  const page = async (pattern: RegExp) => (await fetch(pattern.exec(guide)?.[1] ?? "")).text();
  expect(await page(/curl -s (\S+)/)).toMatch(/mysqlslave tour-\d+-mysql/);
  expect(await page(/HAProxy's own page: +(\S+)/)).toContain("Statistics Report");
}

/** The commands that move an entry, and the client that follows it. */
async function expectMoves(tour: Tour, guide: string): Promise<void> {
  const commands = (pattern: RegExp) => guide.split("\n").filter((line) => pattern.test(line));
  const answeredBy = (name: string) =>
    untilSaid(tour, new RegExp(`own page: [\\s\\S]*client +is answered by ${name}\n`));
  const other = (name: string, names: string) => `(?!${name})${names}`;

  // Written by hand, when the harmless commands were pasted.
  const byHand = /Change the entry by hand, to (\S+):/.exec(guide)?.[1] ?? "";
  await answeredBy(byHand);

  const [stopSlave = "", startSlave = ""] = commands(/SLAVE/);
  const replica = /Stop replication on (\S+),/.exec(guide)?.[1] ?? "";
  await paste(stopSlave);
  await answeredBy(other(replica, "db-\\S+"));
  await paste(startSlave);

  // Whoever is killed comes back, also whom nobody was told to kill.
  killOne(tour, "[sentinel]");
  const killed = /Kill (memcached-\S+), which/.exec(guide)?.[1] ?? "";
  await paste(commands(/kill .*memcached/)[0] ?? "");
  await untilSaid(
    tour,
    new RegExp(`${killed} has ended; it comes back in 3 s\n[\\s\\S]*${killed} is back, pid \\d+\n`),
  );

  const redis = /Or kill (redis-\d), which/.exec(guide)?.[1] ?? "";
  const failover = commands(/FAILOVER/)[0] ?? "";
  await eventually("the Sentinels are ready for one more", async () => (await paste(failover)).trim() === "OK");
  await answeredBy(other(redis, "redis-\\d"));
}

async function paste(commands: string): Promise<string> {
  const shell = launch("bash", ["-ec", commands], { dir: REPOSITORY });
  expect((await shell.exited).code, shell.stderr()).toBe(0);
  return shell.stdout();
}

test("Ctrl-C at any moment: everything is stopped and removed, exit code 130", async () => {
  const moments = [/starting 2 memcached/, /checkers +starts/, /killed: kill -9/];
  const tours = moments.map((moment) => ({ moment, tour: startTour() }));
  const end = async ({ moment, tour }: { moment: RegExp; tour: Tour }) => {
    await untilSaid(tour, moment);
    tour.signal("SIGINT");
    expect((await tour.exited).code, `at ${moment}`).toBe(130);
    expect(tour.stderr()).toBe("");
    expect(tour.stdout()).not.toContain("What next");
    await expectNothingLeft(tour);
  };
  await Promise.all(tours.map(end));
});

test("a program of ours dies on the stage: the tour names it, shows its log, and exits with 1", async () => {
  const programs = ["checkers", "render"] as const;
  const tours = programs.map((program) => ({ program, tour: startTour() }));
  for (const { program, tour } of tours) {
    await untilSaid(tour, /client +is answered by/);
    killOne(tour, `dist/${program}.js`);
  }
  for (const { program, tour } of tours) {
    expect((await tour.exited).code).toBe(1);
    expect(tour.stderr()).toContain(`It did not work: ${program} ended with SIGKILL`);
    expect(tour.stderr()).toMatch(new RegExp(`The end of the log of ${program}:\n {2}\\d{4}-`));
    await expectNothingLeft(tour);
  }
});

test("--help explains; what is not understood is one line and exit code 2", async () => {
  const help = startTour(["--help"]);
  expect((await help.exited).code).toBe(0);
  expect(help.stdout()).toMatch(/^Usage: npm start[\s\S]*--stay[\s\S]*--store consul:\/\//);
  for (const [args, said] of [
    [["--stya"], "unknown option --stya, did you mean --stay? (npm start -- --help lists them)"],
    [["here"], "unknown option here"],
    [["--store"], "--store takes consul://HOST:PORT"],
    [["--store", "etcd://x"], "--store takes consul://HOST:PORT, not etcd://x"],
    [["--store=consul://a:b:c"], '"a:b:c" is not the address of a Consul'],
  ] as const) {
    const tour = startTour(args);
    expect((await tour.exited).code).toBe(2);
    expect(tour.stdout()).toBe("");
    expect(tour.stderr()).toContain(said);
    expect(tour.stderr().trimEnd().split("\n")).toHaveLength(1);
  }
});
