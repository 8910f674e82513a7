import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startConsul } from "./consul.ts";
import { type Haproxy, haproxyHead, haproxyPlace, startHaproxy } from "./haproxy.ts";
import type { Launched } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "./program.ts";
import { tempDir } from "./temp-dir.ts";

/** What differs from two masters that one command reloads. */
export interface TwoHaproxiesOptions {
  /** Whether the resource names the masters' sockets. */
  readonly masters?: boolean;
  /** How they are reloaded: by a command that goes on where one is down, by one that fails then, or by their masters. */
  readonly reload?: "tolerant" | "strict" | "masters";
}

/** Two HAProxies that read one file, and the render for both. */
export interface TwoHaproxies {
  readonly haproxies: readonly [Haproxy, Haproxy];
  /** `render --watch`, which has brought mem1 at 10.0.0.1 into both. */
  readonly render: Launched;
  /** Writes an entry. */
  publish(host: string, tag?: string, proxyport?: number): Promise<void>;
  /** How often the reload command was run. */
  reloadCount(): number;
  /** From now on the reload command fails, and reloads nobody. */
  breakReload(): void;
  /** To be called after one was started again: reloads go to this one from now on. */
  note(): void;
}

/** As HAProxy reads it. */
const SOCKET_VARIABLE = '"$' + '{SOCKET}"';

/** Each has sockets of its own, and they share one address. */
export async function twoHaproxies(options: TwoHaproxiesOptions = {}): Promise<TwoHaproxies> {
  const consul = await startConsul();
  const [a, b] = [haproxyPlace(), haproxyPlace()];
  const address = `${await loopbackPrefix()}.1`;
  const dest = join(a.dir, "shared.cfg");
  const dir = tempDir("two");
  const reloads = join(dir, "reloads");
  const tell = (name: string) => `kill -USR2 $(cat ${dir}/${name}.pid)`;
  const orElse = options.reload === "strict" ? "" : " || :";
  const broken = join(dir, "broken");
  const command = `test ! -e ${broken} || exit 7; echo reload >> ${reloads}; ${tell("a")}${orElse}; ${tell("b")}${orElse}`;
  // One file for both: the sockets come from the environment of each, as from its unit.
  const head = haproxyHead(a).replaceAll(a.socket, SOCKET_VARIABLE);
  const confdir = folderWith({
    "templates/t.cfg.hbs": `${head}{{#each (gets "/haproxy/memcached/*")}}{{#with (json value)}}listen {{name}}
    bind ${address}:{{proxyport}}
    server s {{host}}:{{port}}
{{/with}}{{/each}}`,
    "conf.d/t.toml": `[template]
src = "t.cfg.hbs"
dest = "${dest}"
keys = ["/haproxy/memcached/"]
check_cmd = "SOCKET=${dir}/check.sock haproxy -c -f {{src}}"
${options.reload === "masters" ? "" : `reload_cmd = "${command}"`}
[haproxy]
socket = ["${a.socket}", "${b.socket}"]
${options.masters === false ? "" : `master_socket = ["${a.masterSocket}", "${b.masterSocket}"]`}
`,
  });
  const publish = (host: string, tag = "mem1", proxyport = 21_811) =>
    consul.kv.put(`haproxy/memcached/${tag}`, JSON.stringify({ name: tag, host, port: 21_211, proxyport }));
  await publish("10.0.0.1");
  const place = ["--confdir", confdir, "--state-dir", join(dir, "state")];
  const args = [...place, "--consul", `${consul.address}:${consul.port}`];
  await runProgram("render", ["--onetime", "--sync-only", ...args]);
  const start = (at: typeof a) =>
    startHaproxy({ place: { ...at, configPath: dest }, masterWorker: true, env: { SOCKET: at.socket } });
  const haproxies = [await start(a), await start(b)] as const;
  const note = () => {
    for (const [at, name] of ["a", "b"].entries()) writeFileSync(join(dir, `${name}.pid`), `${haproxies[at]?.pid}`);
  };
  note();
  const render = startProgram("render", ["--watch", ...args]);
  await untilLogged(render, /reloaded/);
  const reloadCount = () => (existsSync(reloads) ? readFileSync(reloads, "utf8").split("\n").length - 1 : 0);
  const breakReload = () => writeFileSync(broken, "");
  return { haproxies, render, publish, reloadCount, breakReload, note };
}
