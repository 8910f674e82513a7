import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type Launched, launch } from "../support/launch.ts";
import { freePort, loopbackPrefix } from "../support/loopback.ts";
import { tempDir } from "../support/temp-dir.ts";

const REPOSITORY = join(import.meta.dirname, "../..");

/** What `npm start` runs after the set-up, so that the two cannot differ. */
const COMMAND = /&& *(?:exec +)?(.+)$/.exec(
  JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")).scripts.start,
)?.[1];

interface Tour extends Launched {
  /** Its own processes that still run; all of them have the tour's own TMPDIR. */
  processes(): { pid: number; command: string }[];
  /** Its folders that are still there. */
  folders(): string[];
}

function startTour(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Tour {
  const tmp = tempDir("tour-test");
  const path = `${join(REPOSITORY, "node_modules/.bin")}:${process.env["PATH"]}`;
  const launched = launch("sh", ["-c", `exec ${COMMAND} "$@"`, "sh", ...args], {
    dir: REPOSITORY,
    env: { ...env, TMPDIR: tmp, PATH: path },
  });
  return Object.defineProperties(
    {
      processes: () => processesWith(`TMPDIR=${tmp}`),
      // tsx keeps its cache there too
      folders: () => readdirSync(tmp).filter((name) => name.startsWith("confd-haproxy")),
    },
    // Not a spread: running is a getter.
    Object.getOwnPropertyDescriptors(launched),
  ) as Tour;
}

function processesWith(variable: string): { pid: number; command: string }[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(variable)) return [];
      return [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") }];
    } catch {
      // ended meanwhile, or not ours to read
      return [];
    }
  });
}

async function untilSaid(tour: Tour, pattern: RegExp): Promise<void> {
  await eventually(`the tour says ${pattern}`, () => pattern.test(tour.stdout()));
}

async function expectNothingLeft(tour: Tour): Promise<void> {
  expect(tour.folders()).toEqual([]);
  // What was killed last may need a moment to be gone.
  await eventually("no process of the tour is left", () => tour.processes().length === 0).catch(() => {
    expect(tour.processes()).toEqual([]);
  });
}

/** The story, in the order in which one thing follows from the other. */
function expectFailover(output: string): void {
  const from = /^From the kill of (A|B) to$/m.exec(output)?.[1];
  expect(from, output).toBeDefined();
  const to = from === "A" ? "B" : "A";
  const [before = "", after = ""] = output.split("The memcached in use dies");
  expect(before).toMatch(new RegExp(`client +is answered by ${from}\n`));
  expect(before).toMatch(/haproxy -c accepted it in [\d.]+ ms\n/);
  expect(after).toMatch(new RegExp(`checker +${from} is down \\(.+\\); publishing ${to}\n`));
  expect(after).toMatch(new RegExp(`entry +points to ${to}\n`));
  expect(after).toMatch(/haproxy -c accepted it in [\d.]+ ms\n/);
  expect(after).toMatch(new RegExp(`file +haproxy.cfg in place, with server ${to}\n`));
  expect(after).toMatch(/reloaded: worker \d+ has taken over from worker \d+\n/);
  expect(after).toMatch(new RegExp(`client +is answered by ${to}\n`));
  expect(after).toMatch(
    new RegExp(`\\d+ ms {2}the first client's answer from ${to}; \\d+ requests? until then got none`),
  );
}

test("over a folder: the memcached in use is killed, the other one answers, and nothing is left behind", async () => {
  const tour = startTour();
  const { code } = await tour.exited;
  expect(tour.stderr()).toBe("");
  expect(code).toBe(0);
  expectFailover(tour.stdout());
  expect(tour.stdout()).toContain("npm start -- --stay");
  await expectNothingLeft(tour);
});

test("no line is wider than 100 columns, and there is no colour in a pipe, also when CI is set", async () => {
  const tour = startTour([], { CI: "true" });
  await tour.exited;
  const lines = tour.stdout().split("\n");
  expect(lines.length).toBeGreaterThan(30);
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
  expect(tour.stdout()).not.toContain("\x1b");
});

test("over a Consul that is there: only the tour's own key is used, and it is gone afterwards", async () => {
  const consul = await startConsul();
  const entry = JSON.stringify({ name: "mem1", host: "10.0.0.1", port: 11_211, proxyport: 16_211 });
  await consul.kv.put("haproxy/memcached/mem1", entry);
  const tour = startTour(["--store", `consul://${consul.server}`]);
  await untilSaid(tour, /entry +points to/);
  const keys = await consul.kv.keys("haproxy/");
  expect(keys).toEqual(["haproxy/memcached/mem1", expect.stringMatching(/^haproxy\/memcached\/tour-\d+$/)]);
  const { code } = await tour.exited;
  expect(tour.stderr()).toBe("");
  expect(code).toBe(0);
  expectFailover(tour.stdout());
  expect(await consul.kv.keys("haproxy/")).toEqual(["haproxy/memcached/mem1"]);
  expect(await consul.kv.get("haproxy/memcached/mem1")).toBe(entry);
  await expectNothingLeft(tour);
});

test("over a Consul with ACLs: the token of the environment is used, by the tour and by its programs", async () => {
  const consul = await startConsul({ acl: true });
  const rules = 'key_prefix "haproxy/" { policy = "write" }';
  const CONSUL_HTTP_TOKEN = await consul.createToken("tour", rules);
  const tour = startTour(["--store", `consul://${consul.server}`], { CONSUL_HTTP_TOKEN });
  expect((await tour.exited).code).toBe(0);
  expectFailover(tour.stdout());
  expect(await consul.kv.keys("haproxy/")).toEqual([]);
});

test("no Consul answers at a loopback address: the tour starts one there, and it ends with the tour", async () => {
  const address = `${await loopbackPrefix()}.1`;
  const url = `consul://${address}:${await freePort(address)}`;
  const tour = startTour(["--store", url]);
  await untilSaid(tour, /client +is answered by/);
  expect(tour.processes().some(({ command }) => command.includes(`agent -dev -node n1 -bind ${address}`))).toBe(true);
  expect((await tour.exited).code).toBe(0);
  expectFailover(tour.stdout());
  await expectNothingLeft(tour);
});

test("no Consul answers elsewhere: one error that names the address, exit code 1", async () => {
  // A name that must not exist (RFC 6761): no answer without asking anybody.
  const tour = startTour(["--store", "consul://consul.invalid:8500"]);
  expect((await tour.exited).code).toBe(1);
  expect(tour.stderr()).toMatch(/It did not work: .*consul\.invalid:8500/);
  await expectNothingLeft(tour);
});

test("--stay goes on after the failover: a killed memcached comes back, Ctrl-C ends it with exit code 0", async () => {
  const tour = startTour(["--stay"]);
  await untilSaid(tour, /HAProxy's own page: http/);
  expectFailover(tour.stdout());
  const kill = /^ {4}(kill -9 \$\(cat .+\))$/m.exec(tour.stdout())?.[1] ?? "";
  const shell = launch("sh", ["-c", kill]);
  expect((await shell.exited).code).toBe(0);
  await untilSaid(tour, /has ended; it comes back in 3 s\n[\s\S]*is back, pid \d+\n/);
  const answered = tour.stdout().match(/client +is answered by ./g);
  expect(answered?.map((text) => text.at(-1)).join(""), tour.stdout()).toMatch(/^(ABA|BAB)$/);
  expect(tour.running).toBe(true);
  tour.signal("SIGINT");
  expect((await tour.exited).code, tour.stderr()).toBe(0);
  await expectNothingLeft(tour);
});

test("each command that --stay tells to try can be pasted, and does what it says", async () => {
  const tour = startTour(["--stay"]);
  await untilSaid(tour, /HAProxy's own page: http/);
  const guide = tour.stdout().split("What to try:")[1] ?? "";
  const commands = guide.split("\n").filter((line) => line.startsWith("    "));
  const pasted = commands.filter((line) => !/kill|tail/.test(line)).join("\n");
  const logs = /tail -f (.+)/.exec(guide)?.[1];
  const page = /own page: (\S+)/.exec(guide)?.[1];
  const shell = launch("bash", ["-ec", `${pasted}\nhead -n 1 ${logs}`], { dir: REPOSITORY });
  expect((await shell.exited).code, shell.stderr()).toBe(0);
  const said = shell.stdout();
  expect(said).toMatch(/"name":"tour"/);
  expect(said).toMatch(/VALUE who 0 1\r\n[AB]\r\nEND/);
  expect(said).toMatch(/listen tour\n/);
  expect(said).toMatch(/be_name srv_id srv_name/);
  expect(said).toMatch(/==> .*checker\.log <==\n.+\n\n==> .*haproxy\.log <==\n.+\n\n==> .*render\.log <==\n.+\n/);
  expect(await (await fetch(page ?? "")).text()).toContain("Statistics Report");
  // The entry that was written by hand is what the client follows.
  const byHand = /Change the entry by hand, to (\w):/.exec(guide)?.[1];
  await untilSaid(tour, new RegExp(`own page[\\s\\S]*client +is answered by ${byHand}`));
  tour.signal("SIGINT");
  expect((await tour.exited).code).toBe(0);
});

test.each([
  ["while the stage is set", /checker +starts/],
  ["in the middle of the failover", /killed: kill -9/],
])("Ctrl-C %s: everything is stopped and removed, exit code 130", async (_, moment) => {
  const tour = startTour();
  await untilSaid(tour, moment);
  tour.signal("SIGINT");
  expect((await tour.exited).code).toBe(130);
  expect(tour.stdout()).not.toContain("What next");
  await expectNothingLeft(tour);
});

test.each(["checkers", "render"])(
  "%s dies on the stage: the tour names it, shows its log, and exits with 1",
  async (program) => {
    const tour = startTour(["--stay"]);
    await untilSaid(tour, /HAProxy's own page: http/);
    const victim = tour.processes().find(({ command }) => command.includes(`dist/${program}.js`));
    process.kill(victim?.pid ?? 0, "SIGKILL");
    expect((await tour.exited).code).toBe(1);
    const name = program === "checkers" ? "checker" : program;
    expect(tour.stderr()).toContain(`It did not work: ${name} ended with SIGKILL`);
    expect(tour.stderr()).toMatch(new RegExp(`The end of the log of ${name}:\n {2}\\d{4}-`));
    await expectNothingLeft(tour);
  },
);

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
