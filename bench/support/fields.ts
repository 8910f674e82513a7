import { createConnection, type RowDataPacket } from "mysql2/promise";
import { eventually } from "../../test/support/eventually.ts";
import { type Mariadb, MONITOR, replicationSet } from "../../test/support/mariadb.ts";
import { ask as askMemcached, startMemcached } from "../../test/support/memcached.ts";
import { type Redis, startRedis } from "../../test/support/redis.ts";
import type { Server } from "../../test/support/server.ts";

/** Servers of one kind that can stand in for one another, and how they are asked. */
export interface Field {
  readonly kind: string;
  readonly what: string;
  readonly tag: string;
  readonly servers: readonly Server[];
  /** For `checkers`, without the store. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  nameOf(server: Server): string;
  /** One query over a new connection; the name of the server that answered. */
  ask(proxy: { readonly address: string; readonly port: number }): Promise<string>;
  /** What somebody else has to do for another server to take over; nothing in most cases. */
  afterKill(killed: Server): Promise<void>;
  /** Resolves when a server that is back could take over again. */
  untilFit(back: Server): Promise<void>;
}

/** As little as is lost by kill -9: a replica must come back with the position it had. */
const CRASH_SAFE = ["innodb_flush_log_at_trx_commit=2"];
/** After a server is ready again, until the checker has seen it so: rise 1 and one interval of 1 s. */
const SEEN_AGAIN_MS = 1_500;
const CONNECT_MS = 1_000;

/** A MariaDB master with two replicas; one replica is published. */
export async function mysqlField(): Promise<Field> {
  const { master, replicas } = await replicationSet(2, CRASH_SAFE);
  const tag = "slave3301";
  return {
    kind: "mysqlslave",
    what: "MariaDB master with 2 replicas",
    tag,
    servers: replicas,
    args: [
      "mysqlslave",
      ...["--host", master.address, "--port", `${master.port}`, "--user", MONITOR.user, "--tag", tag],
    ],
    env: { CONFD_HAPROXY_PASSWORD: MONITOR.password },
    nameOf: (server) => `${(server as Mariadb).serverId}`,
    ask: askMysql,
    afterKill: async () => {},
    untilFit: seenAgain,
  };
}

async function askMysql({ address, port }: { readonly address: string; readonly port: number }): Promise<string> {
  const connection = await createConnection({ host: address, port, ...MONITOR, connectTimeout: CONNECT_MS });
  connection.on("error", () => {});
  try {
    const [rows] = await connection.query<RowDataPacket[]>({ sql: "SELECT @@server_id AS id", timeout: CONNECT_MS });
    return String(rows[0]?.["id"] ?? "");
  } finally {
    connection.destroy();
  }
}

/** Two memcacheds; one is published. */
export async function memcachedField(): Promise<Field> {
  const servers = [await startMemcached(), await startMemcached()];
  const mark = (server: Server) =>
    askMemcached(server.address, server.port, `set who 0 0 ${server.server.length}\r\n${server.server}\r\n`);
  for (const server of servers) await mark(server);
  return {
    kind: "memcached",
    what: "2 memcacheds",
    tag: "mem1",
    servers,
    args: ["memcached", "--tag", "mem1", ...servers.flatMap(({ server }) => ["--server", server])],
    env: {},
    nameOf: ({ server }) => server,
    ask: async ({ address, port }) => (await askMemcached(address, port, "get who\r\n")).split("\r\n")[1] ?? "",
    afterKill: async () => {},
    async untilFit(back) {
      await mark(back);
      await seenAgain();
    },
  };
}

/** A Redis master and its replica, which is promoted the moment the master has ended: Sentinel's own time is not ours. */
export async function redisField(): Promise<Field> {
  const first = await startRedis();
  const second = await startRedis({ replicaOf: first });
  const servers: readonly Redis[] = [first, second];
  const other = (server: Server) => servers.find((one) => one.server !== server.server) as Redis;
  return {
    kind: "redismaster",
    what: "Redis master and replica, promoted at once by hand",
    tag: "cache",
    servers,
    args: ["redismaster", "--tag", "cache", ...servers.flatMap(({ server }) => ["--server", server])],
    env: {},
    nameOf: ({ server }) => server,
    async ask({ address, port }) {
      const reply = await askMemcached(address, port, "CONFIG GET bind\r\n");
      const words = reply.split("\r\n");
      return servers.find(({ address: own }) => words.some((word) => word.split(" ")[0] === own))?.server ?? "";
    },
    async afterKill(killed) {
      await other(killed).command("REPLICAOF", "NO", "ONE");
    },
    async untilFit(back) {
      const master = other(back);
      const replica = servers.find(({ server }) => server === back.server) as Redis;
      await replica.command("REPLICAOF", master.address, `${master.port}`);
      await eventually("it replicates", async () =>
        String(await replica.command("INFO", "replication")).includes("master_link_status:up"),
      );
      await seenAgain();
    },
  };
}

function seenAgain(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SEEN_AGAIN_MS));
}
