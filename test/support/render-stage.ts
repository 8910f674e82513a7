import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Consul, startConsul } from "./consul.ts";
import { type Haproxy, haproxyHead, haproxyPlace, startHaproxy } from "./haproxy.ts";
import type { Launched } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { ask, startMemcached } from "./memcached.ts";
import { folderWith, startProgram } from "./program.ts";
import { tempDir } from "./temp-dir.ts";

const PROXY_PORT = 21_611;

const TEMPLATE = `HEAD
{{#each (gets "/haproxy/memcached/*")}}{{#with (json value)}}listen {{name}}
    bind BIND:{{proxyport}}
    server {{name}}-memcached {{host}}:{{port}}WORDS
{{/with}}{{/each}}TAIL`;

/** A real Consul, a real HAProxy in master-worker mode, and the files of a render between them. */
export interface RenderStage {
  readonly consul: Consul;
  readonly haproxy: Haproxy;
  readonly stateDir: string;
  /** haproxy.cfg. */
  readonly dest: string;
  /** The template's path. */
  readonly template: string;
  /** `--confdir`, `--state-dir`, `--consul`. */
  readonly args: readonly string[];
  /** While this file exists, the reload command fails. */
  readonly reloadBroken: string;
  /** One line per reload. */
  readonly reloads: string;
  /** Starts `render --watch`. */
  start(more?: readonly string[]): Launched;
  /** Writes an entry past the code under test. */
  publish(host: string, tag?: string, proxyport?: number): Promise<void>;
  /** Which server a client reaches through HAProxy. */
  answer(): Promise<string>;
  /** To be called after HAProxy was restarted: the reload command goes to this one from now on. */
  noteHaproxy(): void;
  /** How often `reload_cmd` has run. */
  reloadCount(): number;
  /** Where HAProxy listens for the entries. */
  readonly proxy: { readonly address: string; readonly port: number };
  /** What is at dest. */
  read(): string;
}

/** What differs from a plain stage. */
export interface RenderStageOptions {
  readonly acl?: boolean;
  /** Another HAProxy than the machine's. */
  readonly binary?: string;
  /** There is no reload_cmd. */
  readonly withoutCommand?: boolean;
  /** In place of `haproxy -c`. */
  readonly check?: string;
  /** More TOML for the resource's end. */
  readonly resource?: string;
  /** In place of HAProxy's own runtime socket. */
  readonly socket?: string;
  /** More TOML for `[haproxy]`, whose sockets are HAProxy's; undefined: there is no such table. */
  readonly haproxy?: string;
  /** More of haproxy.cfg, behind the entries. */
  readonly tail?: string;
  /** Behind `server NAME ADDRESS`. */
  readonly serverWords?: string;
}

/** Sets it up. */
export async function renderStage(options: RenderStageOptions = {}): Promise<RenderStage> {
  const consul = await startConsul({ acl: options.acl === true, persistent: true });
  const place = haproxyPlace();
  const proxy = `${await loopbackPrefix()}.1`;
  const dest = place.configPath;
  const stateDir = tempDir("state");
  const reloadBroken = join(stateDir, "reload-broken");
  const reloads = join(stateDir, "reloads");
  const reload = `test ! -e ${reloadBroken} && echo reload >> ${reloads} && kill -USR2 $(cat ${place.dir}/pid)`;
  const sockets = `socket = "${options.socket ?? place.socket}"\nmaster_socket = "${place.masterSocket}"\n`;
  const table = options.haproxy === undefined ? "" : `\n[haproxy]\n${sockets}${options.haproxy}\n`;
  const confdir = folderWith({
    "templates/t.cfg.hbs": TEMPLATE.replace("HEAD", haproxyHead(place))
      .replace("BIND", proxy)
      .replace("WORDS", options.serverWords === undefined ? "" : ` ${options.serverWords}`)
      .replace("TAIL", options.tail ?? ""),
    "conf.d/t.toml": `[template]
src = "t.cfg.hbs"
dest = "${dest}"
keys = ["/haproxy/memcached/"]
check_cmd = "${options.check ?? `${options.binary ?? "haproxy"} -c -f {{.src}}`}"
${options.withoutCommand === true ? "" : `reload_cmd = "${reload}"`}
${options.resource ?? ""}
${table}`,
  });
  const args = ["--confdir", confdir, "--state-dir", stateDir, "--consul", `${consul.address}:${consul.port}`];
  const haproxy = await startHaproxy({
    place,
    config: haproxyHead,
    masterWorker: true,
    ...(options.binary === undefined ? {} : { binary: options.binary }),
  });
  const noteHaproxy = () => writeFileSync(join(place.dir, "pid"), String(haproxy.pid));
  noteHaproxy();
  return {
    noteHaproxy,
    ...{ consul, haproxy, stateDir, dest, args, reloadBroken, reloads },
    template: join(confdir, "templates/t.cfg.hbs"),
    start: (more = []) => startProgram("render", ["--watch", ...args, ...more], { CONSUL_HTTP_TOKEN: consul.token }),
    publish: (host, tag = "mem1", proxyport = PROXY_PORT) =>
      consul.kv.put(`haproxy/memcached/${tag}`, JSON.stringify({ name: tag, host, port: 21_211, proxyport })),
    answer: async () => {
      const reply = await ask(proxy, PROXY_PORT, "get who\r\n");
      return reply.split("\r\n")[1] ?? reply;
    },
    reloadCount: () => (existsSync(reloads) ? readFileSync(reloads, "utf8").split("\n").length - 1 : 0),
    proxy: { address: proxy, port: PROXY_PORT },
    read: () => readFileSync(dest, "utf8"),
  };
}

/** A memcached whose key `who` holds a word; resolves to its address. */
export async function memcachedThatSays(word: string): Promise<string> {
  const server = await startMemcached();
  await ask(server.address, server.port, `set who 0 0 ${word.length}\r\n${word}\r\n`);
  return server.address;
}
