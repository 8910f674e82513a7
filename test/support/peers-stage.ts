import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openEchoSession } from "./echo.ts";
import { eventually } from "./eventually.ts";
import { type Haproxy, type HaproxyPlace, haproxyPlace, startHaproxy } from "./haproxy.ts";
import type { Launched } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Finished, runProgram, startProgram } from "./program.ts";
import { tempDir } from "./temp-dir.ts";

/** HAProxies before one cluster, each with the file that `render` makes of the shipped Galera template. */
export interface PeersStage {
  /** Makes its file and starts it; `render` does not watch yet. */
  add(name: string): Promise<StageHaproxy>;
}

/** One of them. */
export interface StageHaproxy extends Haproxy {
  readonly name: string;
  /** Where clients come. */
  readonly front: string;
  /** The address of the node that its row means; undefined without a row. */
  row(): Promise<string | undefined>;
  /** The names of the peers in its file. */
  peers(): readonly string[];
  /** What is at dest. */
  read(): string;
  /** Starts `render --watch`. */
  watch(): Launched;
}

/** What differs from HAProxies on addresses of loopback, with plain checks. */
export interface PeersStageOptions {
  /** `host:port` of the nodes, in order. */
  readonly nodes: readonly string[];
  /** `--store …` or `--consul …`; by default a document with the entry. */
  readonly store?: readonly string[];
  /** Behind `[peers]`; by default all of them are listed. */
  readonly peers?: (name: string, address: string) => string;
  /** Whom HAProxy asks how the nodes are: `host:port`. */
  readonly agent?: string;
  readonly binary?: string;
  /** How HAProxy is started, where not by its own name. */
  readonly binaryOf?: (name: string) => string;
  /** The address of one of them. */
  readonly addressOf?: (name: string) => string;
  readonly names?: readonly string[];
}

/** Where clients come. */
export const FRONT_PORT = 21_906;
/** The section and its table. */
export const TAG = "orders";
const PEERS_PORT = 21_910;
const ROOT = join(import.meta.dirname, "../..");

/** The entry of the nodes, as a person writes it. */
export function nodesEntry(nodes: readonly string[]): string {
  const servers = nodes.map((node) => {
    const [host, port] = node.split(":");
    return { host, port: Number(port) };
  });
  return JSON.stringify({ name: TAG, ...servers[0], proxyport: FRONT_PORT, servers });
}

/** Sets it up; nothing runs yet. */
export async function peersStage(options: PeersStageOptions): Promise<PeersStage> {
  const prefix = await loopbackPrefix();
  const addressOf = options.addressOf ?? ((name: string) => `${prefix}.${10 + Number(name.slice(2))}`);
  const names = options.names ?? ["lb1", "lb2", "lb3"];
  const listed = names.map((name) => `"${name}=${addressOf(name)}:${PEERS_PORT}"`).join(", ");
  const dir = tempDir("peers-stage");
  const document = join(dir, "kv.json");
  writeFileSync(document, JSON.stringify({ [`haproxy/galera/${TAG}`]: JSON.parse(nodesEntry(options.nodes)) }));
  const store = options.store ?? ["--store", `file:${document}`];
  const [agentHost = "", agentPort = "-"] = (options.agent ?? ":-").split(":");
  return {
    async add(name) {
      const place = haproxyPlace();
      const front = addressOf(name);
      const peers = options.peers?.(name, `${front}:${PEERS_PORT}`) ?? `members = [${listed}]`;
      const confdir = confdirFor(place, `local = "${name}"\n${peers}\n`);
      const env = {
        ...{ HAPROXY_SOCKET: place.socket, HAPROXY_USER: "-", HAPROXY_BIND: front, HAPROXY_STATS_BIND: front },
        ...{ HAPROXY_HARD_STOP_AFTER: "20s", GALERA_AGENT_HOST: agentHost, GALERA_AGENT_PORT: agentPort },
      };
      const args = ["--confdir", confdir, "--state-dir", join(place.dir, "state"), ...store];
      const rendered = await runProgram("render", ["--onetime", "--sync-only", ...args], env);
      if (rendered.code !== 0) throw new Error(`render ended with ${rendered.code}: ${rendered.stderr}`);
      const binary = options.binaryOf?.(name) ?? options.binary ?? "haproxy";
      const haproxy = await startHaproxy({ place, masterWorker: true, args: ["-L", name], binary });
      return Object.defineProperties(
        {
          ...{ name, front },
          row: () => rowOf(haproxy),
          read: () => readFileSync(place.configPath, "utf8"),
          peers: () =>
            [...readFileSync(place.configPath, "utf8").matchAll(/^ +peer (\S+)/gm)].map(([, peer = ""]) => peer),
          watch: () => startProgram("render", ["--watch", ...args], env),
        },
        // Not a spread: pid and running are getters.
        Object.getOwnPropertyDescriptors(haproxy),
      ) as unknown as StageHaproxy;
    },
  };
}

/** The shipped templates, and the shipped resource with the places of this HAProxy. */
function confdirFor(place: HaproxyPlace, peers: string): string {
  const confdir = join(place.dir, "confdir");
  mkdirSync(join(confdir, "conf.d"), { recursive: true });
  cpSync(join(ROOT, "templates"), join(confdir, "templates"), { recursive: true });
  const shipped = readFileSync(join(ROOT, "conf.d/galera.toml.example"), "utf8");
  const ours = shipped
    .replace('"/etc/haproxy/haproxy.cfg"', `"${place.configPath}"`)
    .replace(/^reload_cmd = .*\n/m, "")
    .replace(/^announce = .*\n/m, peers)
    .replace('"/run/haproxy/admin.sock"', `"${place.socket}"`)
    .replace('"/run/haproxy-master.sock"', `"${place.masterSocket}"`);
  writeFileSync(join(confdir, "conf.d/galera.toml"), ours);
  return confdir;
}

async function rowOf({ cli }: Pick<Haproxy, "cli">): Promise<string | undefined> {
  const table = await cli(`show table ${TAG}`);
  return / server_key=(\S+)/.exec(table)?.[1];
}

/** Waits until the rows of all of them mean this node. */
export function untilAllOn(haproxies: readonly StageHaproxy[], node: string): Promise<boolean> {
  return eventually(`all rows are ${node}`, async () => {
    const rows = await Promise.all(haproxies.map((haproxy) => haproxy.row()));
    if (rows.some((row) => row !== node)) throw new Error(`they are ${rows.join(", ")}`);
    return true;
  });
}

/** Waits until each has a session with each other one, and knows all that it can learn: only then it may teach. */
export function untilConnected(haproxies: readonly StageHaproxy[], others: number): Promise<boolean> {
  return eventually("they are connected, and have learned from one another", async () => {
    for (const { cli } of haproxies) {
      const answer = await cli("show peers");
      const flags = Number(/ flags=(0x[0-9a-f]+) resync/.exec(answer)?.[1]);
      if ((answer.match(/state=EST/g) ?? []).length !== others || (flags & 3) !== 3) return false;
    }
    return true;
  });
}

/** Who answers a client that comes now. */
export async function answerOf({ front }: StageHaproxy): Promise<string> {
  const session = await openEchoSession(front, FRONT_PORT);
  session.close();
  return session.server;
}

/** `confd-haproxy peers status` of these. */
export function statusOf(haproxies: readonly StageHaproxy[]): Promise<Finished> {
  const sockets = haproxies.flatMap(({ socket }) => ["--socket", socket]);
  return runProgram("confd-haproxy", ["peers", "status", "--table", TAG, ...sockets]);
}

/** `confd-haproxy peers switch` of these. */
export function switchTo(haproxies: readonly StageHaproxy[], server: string): Promise<Finished> {
  const sockets = haproxies.flatMap(({ socket }) => ["--socket", socket]);
  return runProgram("confd-haproxy", ["peers", "switch", "--table", TAG, ...sockets, server]);
}

/** Clients that come one after the other, several at a time, until they are told to end. */
export function clients(haproxy: StageHaproxy, ask = answerOf): { end(): Promise<readonly string[]> } {
  const answers: string[] = [];
  let going = true;
  const one = async () => {
    while (going) answers.push(await ask(haproxy).catch(() => "nobody"));
  };
  const all = [one(), one(), one()];
  return {
    async end() {
      going = false;
      await Promise.all(all);
      return answers;
    },
  };
}

/** The distinct ones that are not errors. */
export function nodesIn(answers: readonly string[]): readonly string[] {
  return [...new Set(answers)].filter((answer) => answer !== "nobody").sort();
}
