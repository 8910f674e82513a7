import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Consul } from "../../test/support/consul.ts";
import { type Haproxy, haproxyPlace, startHaproxy } from "../../test/support/haproxy.ts";
import type { Launched } from "../../test/support/launch.ts";
import { loopbackPrefix } from "../../test/support/loopback.ts";
import { runProgram, startProgram, untilLogged } from "../../test/support/program.ts";
import { releaseLater } from "../../test/support/releases.ts";
import { tempDir } from "../../test/support/temp-dir.ts";

const TEMPLATES = join(import.meta.dirname, "../../templates");
const STATS_PORT = 28_406;
const PROBE_EVERY_MS = 1;
const PROBE_PATIENCE_MS = 10_000;

/** How a change gets into HAProxy. */
export type ApplyHow = "runtime" | "reload";

/** A real HAProxy and the `render --watch` that feeds it. */
export interface ApplySide {
  readonly haproxy: Haproxy;
  readonly render: Launched;
  /** Where HAProxy binds. */
  readonly address: string;
}

/** What is rendered, and how it gets into HAProxy. */
export interface ApplySideOptions {
  readonly apply: ApplyHow;
  /** The prefix of the entries, without a slash in front. */
  readonly prefix: string;
  /** What becomes of sessions to a replaced server; the shipped resource ends them. */
  readonly onReplace: "keep" | "shutdown-sessions";
}

/** The shipped template and `haproxy -c`; HAProxy is a master with a worker, as systemd has it. */
export async function startApplySide(
  consul: Consul,
  { apply, prefix, onReplace }: ApplySideOptions,
): Promise<ApplySide> {
  const dir = tempDir(`apply-${apply}`);
  const address = `${await loopbackPrefix()}.1`;
  const place = haproxyPlace(dir);
  const pidFile = join(dir, "haproxy.pid");
  const confdir = join(dir, "confd-haproxy");
  mkdirSync(join(confdir, "conf.d"), { recursive: true });
  cpSync(TEMPLATES, join(confdir, "templates"), { recursive: true });
  writeFileSync(
    join(confdir, "conf.d/bench.toml"),
    `[template]
src = "haproxy.cfg.hbs"
dest = "${place.configPath}"
keys = ["/${prefix}"]
check_cmd = "haproxy -c -f {{src}}"
reload_cmd = "test ! -e ${pidFile} || kill -USR2 $(cat ${pidFile})"

[haproxy]
socket = "${place.socket}"
master_socket = "${place.masterSocket}"
apply = "${apply}"
on_replace = "${onReplace}"
`,
  );
  const env = {
    HAPROXY_BIND: address,
    HAPROXY_STATS_BIND: address,
    HAPROXY_STATS_PORT: `${STATS_PORT}`,
    HAPROXY_SOCKET: place.socket,
    HAPROXY_USER: "-",
    HAPROXY_LOG: `${address}:514`,
  };
  const store = ["--consul", `${consul.address}:${consul.port}`];
  const args = ["--confdir", confdir, "--state-dir", join(dir, "state"), ...store];
  const { code, stderr } = await runProgram("render", ["--onetime", "--sync-only", ...args], env);
  if (code !== 0) throw new Error(`render --onetime: ${stderr}`);
  const haproxy = await startHaproxy({ place, masterWorker: true });
  writeFileSync(pidFile, `${haproxy.pid}\n`);
  const render = startProgram("render", ["--watch", ...args], env);
  // The file is younger than HAProxy by less than HAProxy tells, so it is reloaded once.
  await untilLogged(render, /reloaded/);
  return { haproxy, render, address };
}

/** A server that says its own address to everybody and hangs up. */
export async function startEcho(address: string, port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(address);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, address, () => resolve());
  });
  releaseLater("echo", async () => void server.close());
}

/** A server that says back what it is told. */
export async function startEchoing(address: string, port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, address, () => resolve());
  });
  releaseLater("echo", async () => void server.close());
}

/** Asks again and again, each time over a new connection, until `address` answers; the moment of it, monotonic ms. */
export async function untilReached(proxy: { address: string; port: number }, address: string): Promise<number> {
  const endMs = performance.now() + PROBE_PATIENCE_MS;
  while (performance.now() < endMs) {
    if ((await whoAnswers(proxy)) === address) return performance.now();
    await sleep(PROBE_EVERY_MS);
  }
  throw new Error(`${address} was not reached through ${proxy.address}:${proxy.port}`);
}

/** Who answers a new connection through HAProxy; "" when nobody does. */
function whoAnswers({ address, port }: { address: string; port: number }): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    let said = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      said += text;
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(said));
  });
}
