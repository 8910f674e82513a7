import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { findBinary, launch } from "../support/launch.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "../..");

/** All that the script may rely on, on a machine with nothing installed. */
const BASE_SYSTEM = [
  "bash",
  "sh",
  "env",
  "cat",
  "dirname",
  "find",
  "mktemp",
  "mkdir",
  "mv",
  "rm",
  "sed",
  "awk",
  "touch",
  "chmod",
];

/**
 * A machine of our own: a checkout with only what the script looks at, and a PATH that holds only the base system
 * and stand-ins for the programs that would change the machine. `root` says whether `id -u` answers 0.
 */
let checkout: string;
let bin: string;

beforeEach(() => {
  checkout = tempDir("checkout");
  bin = join(checkout, "bin");
  for (const folder of ["bin", "scripts", "src", "checkers", "dist", "node_modules"]) mkdirSync(join(checkout, folder));
  copyFileSync(join(ROOT, "scripts/setup.sh"), join(checkout, "scripts/setup.sh"));
  for (const name of BASE_SYSTEM) symlinkSync(findBinary(name), join(bin, name));
  for (const name of ["package.json", "package-lock.json", "scripts/build.mjs", "src/a.ts"]) file(name);
  for (const name of ["node_modules/.package-lock.json", "dist/confd-haproxy.js"]) file(name, 1);
  for (const folder of ["src", "checkers"]) utimesSync(join(checkout, folder), 1_000_000, 1_000_000);
  program(
    "node",
    'if [ "$1" = --version ]; then echo v20.1.0; else echo "node $*" >>calls; touch dist/confd-haproxy.js; fi',
  );
  program("npm", 'echo "npm $*" >>calls; touch node_modules/.package-lock.json');
  program("id", 'if [ "$1" = -u ]; then echo 0; else echo root; fi');
  for (const name of [
    "memcached",
    "haproxy",
    "redis-server",
    "redis-sentinel",
    "mariadbd",
    "openssl",
    "setpriv",
    "systemd-notify",
    "rsync",
    "patroni",
    "pgbouncer",
    "consul",
  ])
    program(name, ":");
});

test("with nothing to do it says nothing and runs nothing", async () => {
  expect(await setup("test")).toEqual({ code: 0, said: "" });
  expect(await setup("tour")).toEqual({ code: 0, said: "" });
  expect(calls()).toEqual([]);
});

test("a Node that is too old is one clear line", async () => {
  program("node", "echo v18.19.0");
  expect(await setup("test")).toEqual({
    code: 1,
    said: "Node 18.19.0 is too old: this project needs Node 20 or newer.\n",
  });
});

test("packages are installed when there are none, and the build follows", async () => {
  remove("node_modules/.package-lock.json");
  remove("dist/confd-haproxy.js");
  const { code, said } = await setup("test");
  expect(code).toBe(0);
  expect(said).toMatch(/^installing npm packages … \d+ s\nbuilding dist\/ … \d+ s\n$/);
  expect(calls()).toEqual([expect.stringMatching(/^npm ci /), "node scripts/build.mjs"]);
  expect((await setup("test")).said).toBe("");
});

test("packages are installed anew when the lock file is newer", async () => {
  file("package-lock.json", 2);
  await setup("test");
  expect(calls()).toContainEqual(expect.stringMatching(/^npm ci /));
});

test("a source that is newer than the build is built, and nothing else happens", async () => {
  file("src/a.ts", 2);
  expect((await setup("tour")).said).toMatch(/^building dist\/ … \d+ s\n$/);
  expect(calls()).toEqual(["node scripts/build.mjs"]);
});

test("what npm says is shown when it fails, and only then", async () => {
  remove("node_modules/.package-lock.json");
  program("npm", "echo some noise; echo the reason >&2; exit 1");
  const { code, said } = await setup("test");
  expect(code).toBe(1);
  expect(said).toBe("installing npm packages … failed:\nsome noise\nthe reason\n");
});

test("a missing server is installed by apt as root, once", async () => {
  remove("bin/memcached");
  aptThatInstalls("memcached");
  const first = await setup("tour");
  expect(first.said).toMatch(/^installing memcached \(apt\) … \d+ s\n$/);
  expect(calls()).toEqual([
    expect.stringContaining("update"),
    expect.stringMatching(/install .*--no-install-recommends memcached$/),
  ]);
  expect(await setup("tour")).toEqual({ code: 0, said: "" });
});

test("not being root, it uses a sudo that asks nothing", async () => {
  remove("bin/memcached");
  aptThatInstalls("memcached");
  program("id", "echo 1000");
  program("sudo", 'echo "sudo $1" >>calls; shift; "$@"');
  expect((await setup("tour")).code).toBe(0);
  expect(calls().filter((call) => call === "sudo -n")).toHaveLength(3);
});

test.each([
  ["without rights", () => program("id", "echo 1000"), "this is not root, and sudo does not work without a password"],
  ["without apt", () => remove("bin/apt-get"), "there is no apt-get on this machine"],
])("%s it says what to install, and touches nothing", async (_, given, why) => {
  remove("bin/memcached");
  remove("node_modules/.package-lock.json");
  aptThatInstalls("memcached");
  given();
  const { code, said } = await setup("test");
  expect(code).toBe(1);
  expect(said).toContain(why);
  expect(said).toContain("    apt-get update && apt-get install -y --no-install-recommends memcached\n");
  expect(calls()).toEqual([]);
});

test("Consul comes from $CONSUL, then from the PATH, then from the project's own folder", async () => {
  const own = ".cache/consul/usr/bin/consul";
  mkdirSync(join(checkout, ".cache/consul/usr/bin"), { recursive: true });
  program("../other-consul", ":");
  program(`../${own}`, ":");
  expect((await setup("consul", { CONSUL: join(checkout, "other-consul") })).said).toBe(`${checkout}/other-consul\n`);
  expect((await setup("consul")).said).toBe(`${bin}/consul\n`);
  remove("bin/consul");
  expect((await setup("consul")).said).toBe(`${checkout}/${own}\n`);
});

test("a $CONSUL that is no program is an error, not a reason to look elsewhere", async () => {
  const { code, said } = await setup("test", { CONSUL: "/no/such/consul" });
  expect([code, said]).toEqual([1, "CONSUL=/no/such/consul is not a program.\n"]);
});

test("Consul is fetched with a source list, lists and a cache of its own, once", async () => {
  remove("bin/consul");
  aptWith(": >consul_1.deb");
  program("dpkg", `mkdir -p "$3/usr/bin"; cp ${bin}/haproxy "$3/usr/bin/consul"`);
  const { code, said } = await setup("test");
  expect(said).toMatch(/^fetching Consul into \.cache\/consul \(apt\) … \d+ s\n$/);
  expect(code).toBe(0);
  const updates = calls().filter((call) => call.includes(" update"));
  expect(updates).toHaveLength(1);
  for (const own of ["Dir::Etc::sourcelist", "Dir::Etc::sourceparts", "Dir::State::Lists", "Dir::Cache"]) {
    expect(updates[0]).toMatch(new RegExp(`${own}=(/dev/null|${checkout})`));
  }
  expect(readdirSync(join(checkout, ".cache"))).toEqual(["consul"]);
  expect(await setup("test")).toEqual({ code: 0, said: "" });
});

test("when Consul cannot be fetched it says where to put one, and leaves nothing half done", async () => {
  remove("bin/consul");
  aptWith("echo no network; exit 100");
  const { code, said } = await setup("test");
  expect(code).toBe(1);
  expect(said).toContain("no network");
  expect(said).toContain("CONSUL=/path/to/consul");
  expect(readdirSync(join(checkout, ".cache"))).toEqual([]);
});

test("HAProxy 3 is fetched with its libraries, and started by its own loader", async () => {
  aptWith(": >haproxy_3.deb; : >libc6_2.deb");
  const loader = join(bin, "loader");
  program("loader", 'echo "$*" >>loaded');
  const lib = '"$3/usr/lib/some-machine"';
  program("dpkg", `mkdir -p "$3/usr/sbin" ${lib}; cp ${loader} ${lib}/ld-linux-some.so.2`);
  const { code, said } = await setup("haproxy-3", { HAPROXY_3: undefined });
  const own = join(checkout, ".cache/haproxy-3/haproxy");
  expect(said.startsWith(`${own}\n`)).toBe(true);
  expect(said).toMatch(/\nfetching HAProxy 3 into \.cache\/haproxy-3 \(apt\) … \d+ s\n$/);
  expect(code).toBe(0);
  await launch(own, ["-c", "-f", "a file"], { dir: checkout }).exited;
  const lines = readFileSync(join(checkout, "loaded"), "utf8").trim().split("\n");
  const root = join(checkout, ".cache/haproxy-3");
  expect(lines.at(-1)).toBe(
    `--argv0 ${own} --library-path ${root}/usr/lib/some-machine ${root}/usr/sbin/haproxy -c -f a file`,
  );
  expect((await setup("haproxy-3", { HAPROXY_3: undefined })).said).toBe(`${own}\n`);
});

test("when HAProxy 3 cannot be fetched it says which tests are skipped, and goes on", async () => {
  aptWith("echo no network; exit 100");
  const { code, said } = await setup("test", { HAPROXY_3: undefined });
  expect(said).toContain("no network");
  expect(said).toContain("The tests with HAProxy 3 are skipped");
  expect(code).toBe(0);
  expect(readdirSync(join(checkout, ".cache"))).toEqual([]);
});

test("an unknown purpose is a usage error", async () => {
  expect(await setup("everything")).toEqual({ code: 2, said: "usage: scripts/setup.sh tour|test|consul|haproxy-3\n" });
});

/** Runs the script in the made-up machine: its exit code and all it said. */
async function setup(
  purpose: string,
  env: Record<string, string | undefined> = {},
): Promise<{ code: number | null; said: string }> {
  const own = { PATH: bin, CONSUL: undefined, HAPROXY_3: join(bin, "haproxy"), ...env };
  const run = launch(join(bin, "bash"), ["scripts/setup.sh", purpose], { dir: checkout, env: own });
  const { code } = await run.exited;
  return { code, said: run.stdout() + run.stderr() };
}

/** A file of the checkout; `age` orders them in time, the higher the newer. */
function file(name: string, age = 0): void {
  writeFileSync(join(checkout, name), "");
  utimesSync(join(checkout, name), 1_000_000 + age, 1_000_000 + age);
}

function program(name: string, body: string): void {
  const path = join(bin, name);
  remove(`bin/${name}`);
  writeFileSync(path, `#!${join(bin, "bash")}\n${body}\n`);
  chmodSync(path, 0o755);
}

function aptThatInstalls(name: string): void {
  const install = `case "$*" in *" install "*) cp "$(command -v true-program)" ${bin}/${name} ;; esac`;
  program("true-program", ":");
  symlinkSync(findBinary("cp"), join(bin, "cp"));
  program("apt-get", `echo "apt-get $*" >>calls; ${install}`);
}

/** An apt that knows one mirror, and runs `download` when asked for packages. */
function aptWith(download: string): void {
  symlinkSync(findBinary("cp"), join(bin, "cp"));
  const answer = `*indextargets*) echo "stable main http://mirror.invalid/debian/" ;; *" download "*) ${download} ;;`;
  program("apt-get", `echo "apt-get $*" >>${checkout}/calls; case "$*" in ${answer} esac`);
}

function remove(name: string): void {
  rmSync(join(checkout, name), { force: true });
}

/** What the stand-ins were asked to do, in order. */
function calls(): string[] {
  const path = join(checkout, "calls");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}
