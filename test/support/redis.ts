import { writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { encodeCommands, isReplyError, parseReply, type Reply } from "../../checkers/redis/resp.ts";
import { eventually } from "./eventually.ts";
import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** Where and how to start a Redis server; an address of its own by default. */
export interface RedisOptions {
  readonly address?: string;
  readonly port?: number;
  readonly replicaOf?: Server;
  /** Of the default user, here and at the master. */
  readonly password?: string;
  /** More command line arguments, such as `--maxclients`, `100`. */
  readonly args?: readonly string[];
}

/** A real Redis server or Sentinel. */
export interface Redis extends Server {
  /** Sends one command, over a connection of its own, and returns the reply. Throws an error reply. */
  command(...words: readonly string[]): Promise<Reply>;
}

const PORT = 21_637;
const SENTINEL_PORT = 21_638;
const COMMAND_TIMEOUT_MS = 2_000;

/** Starts a real Redis and returns when it answers. Nothing is written to disk. */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const address = options.address ?? `${await loopbackPrefix()}.2`;
  const { port = PORT, replicaOf, password, args = [] } = options;
  const replica = replicaOf === undefined ? [] : ["--replicaof", replicaOf.address, `${replicaOf.port}`];
  const login = password === undefined ? [] : ["--requirepass", password, "--masterauth", password];
  const all = [
    ...PLAIN,
    "--bind",
    address,
    "--port",
    `${port}`,
    "--replica-announce-ip",
    address,
    ...replica,
    ...login,
  ];
  const server = await startServer({
    what: `redis on ${address}:${port}`,
    address,
    port,
    start: () => launch("redis-server", [...all, ...args], { endWith: "SIGKILL" }),
    ready: () => ask({ address, port }, ["PING"], password),
  });
  return Object.assign(server, {
    command: (...words: readonly string[]) => ask(server, words, password),
  });
}

/** Small and quick: no files, replication at once, a lost master noticed soon. */
const PLAIN = [
  ...["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"],
  ...["--repl-diskless-sync-delay", "0", "--repl-timeout", "5", "--repl-ping-replica-period", "1"],
];

/** A master and its two replicas on `.2`, `.3` and `.4` of a prefix, replicating. */
export interface RedisTrio {
  readonly prefix: string;
  readonly master: Redis;
  readonly replicas: readonly [Redis, Redis];
  readonly all: readonly [Redis, Redis, Redis];
}

/** Starts a master and two replicas and returns when both replicate. */
export async function startRedisTrio(options: Omit<RedisOptions, "address" | "replicaOf"> = {}): Promise<RedisTrio> {
  const prefix = await loopbackPrefix();
  const master = await startRedis({ ...options, address: `${prefix}.2` });
  const replica = (last: number) => startRedis({ ...options, address: `${prefix}.${last}`, replicaOf: master });
  const replicas = await Promise.all([replica(3), replica(4)]);
  await eventually("both replicate", async () => connectedReplicas(await master.command("ROLE")) === 2);
  return { prefix, master, replicas, all: [master, ...replicas] };
}

function connectedReplicas(role: Reply): number {
  const replicas = Array.isArray(role) ? (role as readonly Reply[])[2] : undefined;
  return Array.isArray(replicas) ? replicas.length : 0;
}

/** What Sentinels watch. */
export interface SentinelOptions {
  readonly count: number;
}

/** Long enough for a busy machine: a second failover for no reason would be right, and not what a test asked for. */
const DOWN_AFTER_MS = 1_000;

/** What the Sentinels of the tests call their master. */
export const MASTER_NAME = "m1";

/** Starts Sentinels on `.11` and up and returns when each knows all the servers and all the others. */
export async function startSentinels(trio: RedisTrio, options: SentinelOptions): Promise<readonly Redis[]> {
  const addresses = Array.from({ length: options.count }, (_, index) => `${trio.prefix}.${index + 11}`);
  const quorum = Math.floor(options.count / 2) + 1;
  const start = (address: string) => startSentinel({ address, master: trio.master, quorum });
  const sentinels = await Promise.all(addresses.map(start));
  await Promise.all(sentinels.map((sentinel) => untilAcquainted(sentinel, options.count)));
  return sentinels;
}

/** Starts one Sentinel and returns when it answers; whom it knows by then is another matter. */
export async function startSentinel(options: {
  readonly address: string;
  readonly master: Pick<Server, "address" | "port">;
  readonly quorum: number;
  /** More lines of the configuration. */
  readonly lines?: readonly string[];
}): Promise<Redis> {
  const { address, master, quorum, lines = [] } = options;
  const dir = tempDir("sentinel");
  const file = join(dir, "sentinel.conf");
  const all = [
    `port ${SENTINEL_PORT}`,
    `bind ${address}`,
    `dir ${dir}`,
    `sentinel announce-ip ${address}`,
    ...lines,
    `sentinel monitor ${MASTER_NAME} ${master.address} ${master.port} ${quorum}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
  ];
  // Sentinel writes into it what it has learnt, and reads it again when it is restarted.
  writeFileSync(file, `${all.join("\n")}\n`);
  const server = await startServer({
    what: `sentinel on ${address}`,
    address,
    port: SENTINEL_PORT,
    start: () => launch("redis-sentinel", [file], { endWith: "SIGKILL" }),
    ready: () => ask({ address, port: SENTINEL_PORT }, ["PING"]),
  });
  return Object.assign(server, { command: (...words: readonly string[]) => ask(server, words) });
}

/** Waits until a Sentinel knows the master's two replicas and this many Sentinels, itself among them. */
export async function untilAcquainted(sentinel: Redis, sentinels: number): Promise<void> {
  await eventually(`${sentinel.server} knows everybody`, async () => {
    const info = String(await sentinel.command("INFO", "sentinel"));
    return info.includes(`slaves=2,sentinels=${sentinels}`);
  });
}

/** The master by the word of one Sentinel, as `address:port`. */
export async function masterBy(sentinel: Redis): Promise<string> {
  const reply = await sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME);
  return Array.isArray(reply) ? reply.join(":") : "";
}

/** Sends one command to a server and returns the reply. Throws an error reply, and when there is none in time. */
function ask(to: Pick<Server, "address" | "port">, words: readonly string[], password?: string): Promise<Reply> {
  const commands = password === undefined ? [words] : [["AUTH", password], words];
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: to.address, port: to.port });
    let received = Buffer.alloc(0);
    socket.setTimeout(COMMAND_TIMEOUT_MS, () => socket.destroy(new Error("no answer from redis")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("redis closed the connection")));
    socket.once("connect", () => socket.write(encodeCommands(commands)));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      let parsed = parseReply(received);
      for (let at = 1; at < commands.length && parsed !== undefined; at++) parsed = parseReply(received, parsed.next);
      if (parsed === undefined) return;
      if (isReplyError(parsed.reply)) reject(new Error(parsed.reply.error));
      else resolve(parsed.reply);
      socket.destroy();
    });
  });
}
