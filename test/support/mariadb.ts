import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { eventually } from "./eventually.ts";
import { findBinary, launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** How a server is to be. */
export interface MariadbOptions {
  /** An address of its own by default; replicas of one master share the prefix of {@link replicationSet}. */
  readonly address?: string;
  readonly port?: number;
  readonly serverId?: number;
  /** More lines for its `[mariadbd]` section; a later one wins. */
  readonly config?: readonly string[];
}

/** A row as the server's client sees it. */
export type MariadbRow = Readonly<Record<string, unknown>>;

/** A real MariaDB on an address of its own. Everything in it is gone with the test. */
export interface Mariadb extends Server {
  readonly serverId: number;
  /** Runs statements one after the other on a connection of their own, as a user who may do everything; the last one's rows. */
  sql(...statements: readonly string[]): Promise<readonly MariadbRow[]>;
  /** Holds a connection on which statements were run, until the test ends or it is let go. */
  hold(...statements: readonly string[]): Promise<() => Promise<void>>;
  /** Returns when it has applied all that `master` has written so far, and keeps that even if it is killed now. */
  catchUpWith(master: Pick<Mariadb, "sql">): Promise<void>;
  /** Begins to replicate from `master` by GTID, read-only, and returns when both threads run. */
  replicateFrom(master: MasterAddress, more?: ReplicateOptions): Promise<void>;
}

/** Where a replica finds its master. */
export type MasterAddress = Pick<Server, "address" | "port">;

/** What a replica is told beside its master's address. */
export interface ReplicateOptions {
  /** MariaDB's name for one of several masters. */
  readonly channel?: string;
  /** Words of `CHANGE MASTER` in place of `MASTER_USE_GTID=slave_pos`. */
  readonly change?: string;
}

/** Users of every server; the password is the name. `monitor` has what the checker is documented to need. */
export const MONITOR = { user: "monitor", password: "monitor" };

/** Where every server listens unless told otherwise: a checker takes the master's port for its replicas'. */
export const MARIADB_PORT = 3_301;

const GRANTS: Readonly<Record<string, string>> = {
  admin: "ALL",
  repl: "REPLICATION SLAVE",
  monitor: "SLAVE MONITOR, PROCESS, REPLICATION MASTER ADMIN",
};

/**
 * As small and as fast as it goes: nothing here has to survive a power cut. What is committed survives `kill -9`, though:
 * a replica that comes back without its last position never replicates again (error 1950).
 */
export const BASE_CONFIG = `[mariadbd]
skip-name-resolve
skip-log-error
max_connections=50
table_open_cache=64
key_buffer_size=64K
aria_pagecache_buffer_size=1M
aria_log_file_size=8M
innodb_buffer_pool_size=16M
innodb_log_file_size=4M
innodb_log_buffer_size=2M
innodb_data_file_path=ibdata1:4M:autoextend
innodb_autoextend_increment=1
innodb_temp_data_file_path=ibtmp1:4M:autoextend
innodb_undo_tablespaces=0
innodb_flush_method=nosync
innodb_flush_log_at_trx_commit=2
innodb_doublewrite=0
innodb_buffer_pool_dump_at_shutdown=0
innodb_buffer_pool_load_at_startup=0
innodb_fast_shutdown=2
${process.geteuid?.() === 0 ? "user=root\n" : ""}`;

/** What is made once per machine. */
export const CACHE = join(import.meta.dirname, "../../.cache/mariadb");

let nextServerId = 100;

/** Starts a real MariaDB with a binary log and returns when it answers a query. */
export async function startMariadb(options: MariadbOptions = {}): Promise<Mariadb> {
  const address = options.address ?? `${await loopbackPrefix()}.2`;
  const port = options.port ?? MARIADB_PORT;
  const serverId = options.serverId ?? nextServerId++;
  const dir = tempDir("mariadb");
  cpSync(templateDataDir(), join(dir, "data"), { recursive: true });
  writeFileSync(join(dir, "my.cnf"), configText(dir, { ...options, address, port, serverId }));
  const sql = (...statements: readonly string[]) => run({ host: address, port }, statements);
  const server = await startServer({
    what: `mariadbd on ${address}:${port}`,
    address,
    port,
    // SIGKILL at the end: nobody reads its files again.
    start: () => launch("mariadbd", [`--defaults-file=${join(dir, "my.cnf")}`], { dir, endWith: "SIGKILL" }),
    ready: () => sql("SELECT 1"),
  });
  return Object.defineProperties(
    {
      serverId,
      sql,
      hold: (...statements: readonly string[]) => hold({ host: address, port }, statements),
      catchUpWith: (master: Pick<Mariadb, "sql">) => catchUp(sql, master),
      replicateFrom: (master: MasterAddress, more?: ReplicateOptions) => replicate(sql, master, more),
    } satisfies Omit<Mariadb, keyof Server>,
    // Not a spread: pid and running are getters.
    Object.getOwnPropertyDescriptors(server),
  ) as unknown as Mariadb;
}

/** A master on `.2` and its replicas on `.3`, `.4` and so on of one prefix, replicating, with table `t.a` in it. */
export async function replicationSet(
  replicas: number,
  config: readonly string[] = [],
): Promise<{ readonly prefix: string; readonly master: Mariadb; readonly replicas: readonly Mariadb[] }> {
  const prefix = await loopbackPrefix();
  const servers = await Promise.all(
    Array.from({ length: replicas + 1 }, (_, index) =>
      startMariadb({ address: `${prefix}.${index + 2}`, serverId: index + 2, config }),
    ),
  );
  const [master, ...others] = servers;
  if (master === undefined) throw new Error("there is always a master");
  await Promise.all(others.map((replica) => replica.replicateFrom(master)));
  await master.sql("CREATE TABLE t.a(i INT PRIMARY KEY)");
  await Promise.all(others.map((replica) => replica.catchUpWith(master)));
  return { prefix, master, replicas: others };
}

async function replicate(sql: Mariadb["sql"], master: MasterAddress, more: ReplicateOptions = {}): Promise<void> {
  const name = more.channel === undefined ? "" : ` '${more.channel}'`;
  const change = [
    `MASTER_HOST='${master.address}', MASTER_PORT=${master.port}, MASTER_USER='repl', MASTER_PASSWORD='repl'`,
    "MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1",
    more.change ?? "MASTER_USE_GTID=slave_pos",
  ];
  await sql("SET GLOBAL read_only=1", `CHANGE MASTER${name} TO ${change.join(", ")}`, `START SLAVE${name}`);
  await eventually("both threads run", async () =>
    (await sql("SHOW ALL SLAVES STATUS")).every(
      (row) => row["Slave_IO_Running"] === "Yes" && row["Slave_SQL_Running"] === "Yes",
    ),
  );
}

/** A table can be seen on a replica a moment before the replica has its new position. */
async function catchUp(sql: Mariadb["sql"], master: Pick<Mariadb, "sql">): Promise<void> {
  const [written] = await master.sql("SELECT @@gtid_binlog_pos AS position");
  const [waited] = await sql(`SELECT MASTER_GTID_WAIT('${written?.["position"]}', 15) AS outcome`);
  if (waited?.["outcome"] !== 0) throw new Error(`not within 15 s: it has applied ${written?.["position"]}`);
}

/** For {@link Mariadb.hold} and its kin. */
export async function hold(
  server: { readonly host: string; readonly port: number },
  statements: readonly string[],
): Promise<() => Promise<void>> {
  const connection = await createConnection({ ...server, user: "admin", password: "admin" });
  // The server may be killed meanwhile.
  connection.on("error", () => {});
  for (const statement of statements) await connection.query(statement);
  return () => connection.end();
}

async function run(server: { readonly host: string; readonly port: number }, statements: readonly string[]) {
  const login = { user: "admin", password: "admin" };
  const connection = await createConnection({ ...server, ...login, connectTimeout: 5_000 });
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return Array.isArray(rows) ? (rows as MariadbRow[]) : [];
  } finally {
    connection.destroy();
  }
}

function configText(dir: string, options: MariadbOptions): string {
  return [
    BASE_CONFIG,
    `datadir=${join(dir, "data")}`,
    `socket=${join(dir, "sock")}`,
    `pid-file=${join(dir, "pid")}`,
    `bind-address=${options.address}`,
    `port=${options.port}`,
    `server_id=${options.serverId}`,
    `report_host=${options.address}`,
    `report_port=${options.port}`,
    "log_bin=bin",
    "log_slave_updates",
    "gtid_strict_mode",
    "binlog_format=ROW",
    "sync_binlog=0",
    "slave_net_timeout=4",
    ...(options.config ?? []),
    "",
  ].join("\n");
}

/**
 * The data folder that each server begins with a copy of: system tables and users. Made once per machine, by one
 * `--bootstrap` run, under a name that says of what; two processes may make it at the same time.
 */
export function templateDataDir(): string {
  const statements = bootstrapStatements();
  const version = execFileSync(findBinary("mariadbd"), ["--version"], { encoding: "utf8" });
  const hash = createHash("sha256").update(version).update(BASE_CONFIG).update(statements).digest("hex").slice(0, 16);
  const path = join(CACHE, hash);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "new-"));
  try {
    const config = join(work, "my.cnf");
    const data = join(work, "data");
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(config, BASE_CONFIG);
    const args = [`--defaults-file=${config}`, "--bootstrap", "--basedir=/usr", `--datadir=${data}`];
    execFileSync(findBinary("mariadbd"), [...args, "--log-warnings=0", "--max_allowed_packet=8M"], {
      input: statements,
      stdio: ["pipe", "ignore", "pipe"],
    });
    if (!existsSync(path)) renameSync(data, path);
  } catch (error) {
    // The other process was first.
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

/** One statement per line, as `--bootstrap` reads them. */
function bootstrapStatements(): string {
  const share = "/usr/share/mysql";
  const files = [
    "mysql_system_tables",
    "mysql_performance_tables",
    "mysql_system_tables_data",
    "maria_add_gis_sp_bootstrap",
  ];
  return [
    "create database mysql;",
    "use mysql;",
    "SET @auth_root_socket=NULL;",
    ...files.map((name) => readFileSync(join(share, `${name}.sql`), "utf8")),
    "DELETE FROM mysql.global_priv WHERE Host<>'localhost' AND User IN ('root','');",
    "FLUSH PRIVILEGES;",
    "CREATE DATABASE t;",
    ...Object.entries(GRANTS).flatMap(([user, grants]) => [
      `CREATE USER '${user}'@'127.%' IDENTIFIED BY '${user}';`,
      `GRANT ${grants} ON *.* TO '${user}'@'127.%'${user === "admin" ? " WITH GRANT OPTION" : ""};`,
    ]),
    "",
  ].join("\n");
}
