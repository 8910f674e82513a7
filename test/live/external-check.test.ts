import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Consul, startConsul } from "../support/consul.ts";
import { docBlocks, haproxyAccepts } from "../support/docs.ts";
import { eventually } from "../support/eventually.ts";
import { startGalera } from "../support/galera.ts";
import { type Haproxy, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import { launch } from "../support/launch.ts";
import { startMemcached } from "../support/memcached.ts";
import { folderWith } from "../support/program.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A folder with `checkers` in it, as an installation would put it into the PATH. */
function installed(): string {
  const dir = folderWith({ checkers: `#!/bin/sh\nexec ${process.execPath} ${ROOT}/dist/checkers.js "$@"\n` });
  chmodSync(join(dir, "checkers"), 0o755);
  return dir;
}

/** The shipped script, beside a db.conf of its own. */
function shippedScript(conf: string): string {
  const dir = folderWith({ "db.conf": conf });
  chmodSync(join(dir, "db.conf"), 0o600);
  copyFileSync(join(ROOT, "packaging/examples/external-check.sh"), join(dir, "external-check.sh"));
  return join(dir, "external-check.sh");
}

/** One server, and how HAProxy is told to check it. */
interface Checked {
  readonly server: string;
  readonly script: string;
  /** More lines of `global`, and of the backend. */
  readonly global?: string;
  readonly backend?: string;
  readonly inter?: string;
}

function startWith({ server, script, global = "", backend = "", inter = "2s" }: Checked): Promise<Haproxy> {
  const path = `${installed()}:${dirname(process.execPath)}:/usr/bin:/bin`;
  return startHaproxy({
    config: (place) => `${haproxyHead(place)}
global
    external-check
    insecure-fork-wanted
    ${global}
backend orders
    option external-check
    external-check path "${path}"
    external-check command ${script}
    ${backend}
    server s ${server} check inter ${inter} rise 1 fall 1
`,
  });
}

async function untilSeen(haproxy: Haproxy, expected: Readonly<Record<string, string>>): Promise<void> {
  await eventually(`the server has ${JSON.stringify(expected)}`, async () => {
    const row = await serverStat(haproxy, "orders", "s");
    return Object.entries(expected).every(([column, value]) => row[column] === value) || Promise.reject(row);
  });
}

describe("HAProxy's external check", () => {
  test("by the shipped script finds a Galera node that rejects queries down, and up after it", async () => {
    const [node] = await startGalera(1);
    if (node === undefined) throw new Error("one was asked for");
    const script = shippedScript("[orders]\nuser = monitor\npassword = monitor\n");
    const haproxy = await startWith({ server: node.server, script });
    await untilSeen(haproxy, { status: "UP", check_status: "PROCOK" });
    await node.sql("SET GLOBAL wsrep_reject_queries=ALL");
    await untilSeen(haproxy, { status: "DOWN", check_status: "PROCERR", check_code: "1" });
    await node.sql("SET GLOBAL wsrep_reject_queries=NONE");
    await untilSeen(haproxy, { status: "UP", check_status: "PROCOK" });
    expect(haproxy.stderr()).not.toContain("insecure-fork-wanted");
  });

  test("is an error of its own for a wrong command line, so that it can be told from a server that is down", async () => {
    const script = shippedScript("[another]\nuser = monitor\n");
    const haproxy = await startWith({ server: "127.0.0.1:1", script });
    await untilSeen(haproxy, { status: "DOWN", check_status: "PROCERR", check_code: "2" });
    expect(haproxy.stderr()).toContain("orders");
  });

  test("is a failure when the check cannot tell", async () => {
    const [node] = await startGalera(1);
    if (node === undefined) throw new Error("one was asked for");
    const script = shippedScript("[orders]\nuser = monitor\npassword = wrong\n");
    const haproxy = await startWith({ server: node.server, script });
    await untilSeen(haproxy, { status: "DOWN", check_status: "PROCERR", check_code: "1" });
  });

  // Only root may change the root.
  test.runIf(process.geteuid?.() === 0)("cannot find its command in a chroot", async () => {
    const jail = join(dirname(shippedScript("")), "jail");
    mkdirSync(jail);
    const haproxy = await startWith({ server: "127.0.0.1:1", script: shippedScript(""), global: `chroot ${jail}` });
    await untilSeen(haproxy, { status: "DOWN", check_status: "PROCERR", check_code: "255" });
    expect(haproxy.stderr()).toContain("Failed to exec process for external health check");
  });

  test.each([
    ["inter", "1s", ""],
    ["timeout connect, where timeout check is set", "1h", "timeout check 1h\n    timeout connect 100ms"],
  ])("is killed after %s", async (_, inter, backend) => {
    const script = join(folderWith({ "sleep.sh": "#!/bin/sh\nexec sleep 3600\n" }), "sleep.sh");
    chmodSync(script, 0o755);
    const haproxy = await startWith({ server: "127.0.0.1:1", script, inter, backend });
    await untilSeen(haproxy, { status: "DOWN", check_status: "PROCTOUT" });
  });
});

describe("a script check of Consul", () => {
  const until = (consul: Consul, status: string, output: string) =>
    eventually(`it is ${status}`, async () => {
      const response = await consul.request("/v1/health/checks/mem11211");
      const [check] = (await response.json()) as { readonly Status: string; readonly Output: string }[];
      return (check?.Status === status && check.Output.includes(output)) || Promise.reject(check);
    });

  test("as documented is passing while the server is up, and critical with the reason while it is not", async () => {
    const memcached = await startMemcached();
    const [service = ""] = docBlocks("external-check.md", "json");
    const config = service
      .replace("checkers memcached", `${installed()}/checkers memcached`)
      .replace("10.0.0.5:11211", memcached.server)
      .replace('"interval": "5s"', '"interval": "1s"');
    const dir = folderWith({ "service.json": config });
    const args = ["-enable-local-script-checks", "-config-file", join(dir, "service.json")];
    const consul = await startConsul({ args });
    await until(consul, "passing", `${memcached.server} is up`);
    await memcached.kill();
    await until(consul, "critical", "connection refused");
    await memcached.restart();
    await until(consul, "passing", `${memcached.server} is up`);
  });

  test("would only be a warning with the exit code as it is", async () => {
    const check = `{ args = ["sh", "-c", "exit 1"] interval = "1s" timeout = "5s" }`;
    const config = `enable_local_script_checks = true\nservice { name = "mem11211" check ${check} }`;
    await until(await startConsul({ config }), "warning", "");
  });
});

test("HAProxy takes the configuration on the page", async () => {
  const blocks = docBlocks("external-check.md", "haproxy");
  expect(blocks).toHaveLength(1);
  for (const config of blocks) expect(await haproxyAccepts(config)).toBe("accepted");
});

test("the line for another kind is one that works", async () => {
  const memcached = await startMemcached();
  const [line = ""] = docBlocks("external-check.md", "sh");
  const script = join(folderWith({ "check.sh": line }), "check.sh");
  const env = { PATH: `${installed()}:${process.env["PATH"]}`, HAPROXY_PROXY_NAME: "mem11211" };
  const run = () => launch("sh", [script, "NOT_USED", "NOT_USED", memcached.address, `${memcached.port}`], { env });
  const good = run();
  expect([await good.exited, good.stdout(), good.stderr()]).toEqual([{ code: 0, signal: null }, "", ""]);
  await memcached.kill();
  expect(await run().exited).toEqual({ code: 1, signal: null });
});
