import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Consul } from "./consul.ts";
import { eventually } from "./eventually.ts";
import { type Launched, launch } from "./launch.ts";
import { releaseLater } from "./releases.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

const PORTS = { rest: 28_008, postgres: 25_432, pgbouncer: 26_432 } as const;

/** PostgreSQL and PgBouncer refuse to run as root. */
const USER = process.geteuid?.() === 0 ? "postgres" : undefined;

/** Debian keeps them by version, outside of the PATH. */
const VERSIONS = "/usr/lib/postgresql";

/** A server with Patroni, PostgreSQL and PgBouncer. It ends with the test. */
export interface PatroniNode {
  readonly name: string;
  readonly address: string;
  readonly restPort: number;
  readonly postgresPort: number;
  readonly patroni: Server;
  readonly pgbouncer: Server;
  /** The status code of a health check; 0: no answer. */
  code(healthcheck: string): Promise<number>;
  /** SIGKILL, SIGSTOP or SIGCONT for the postmaster. */
  signalPostgres(name: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
}

/** Starts so many nodes of one cluster, on `.2`, `.3` of `prefix`, over Consul; the first one is the primary. */
export async function startPatroni(consul: Consul, prefix: string, count = 2): Promise<readonly PatroniNode[]> {
  const nodes: PatroniNode[] = [];
  for (let at = 0; at < count; at++) {
    const node = await startNode(consul, `${prefix}.${at + 2}`, `n${at + 2}`);
    const role = at === 0 ? "primary" : "replica";
    await eventually(`${node.name} is ${role}`, async () => (await node.code(role)) === 200, 30_000);
    nodes.push(node);
  }
  return nodes;
}

async function startNode(consul: Consul, address: string, name: string): Promise<PatroniNode> {
  const dir = tempDir("patroni");
  mkdirSync(join(dir, "pgbouncer"));
  writeFileSync(join(dir, "patroni.yml"), patroniConfig(dir, { address, name, consul: consul.server }));
  writeFileSync(join(dir, "pgbouncer", "pgbouncer.ini"), pgbouncerConfig(address));
  if (USER !== undefined) execFileSync("chown", ["-R", `${USER}:`, dir]);
  const patroni = await startServer({
    what: `Patroni on ${address}`,
    address,
    port: PORTS.rest,
    start: () => launchPatroni(dir),
    // before the first primary there is an answer already, and it is no
    ready: async () => (await code(address, "health")) > 0,
  });
  const pgbouncer = await startServer({
    what: `PgBouncer on ${address}`,
    address,
    port: PORTS.pgbouncer,
    start: () => launchAs("pgbouncer", [join(dir, "pgbouncer", "pgbouncer.ini")], dir),
    ready: () => accepts(address, PORTS.pgbouncer),
  });
  return {
    name,
    address,
    restPort: PORTS.rest,
    postgresPort: PORTS.postgres,
    patroni,
    pgbouncer,
    code: (healthcheck) => code(address, healthcheck),
    signalPostgres: (signal) => signalPostgres(dir, signal),
  };
}

/** PostgreSQL outlives a Patroni that is killed, and must not keep its output open then. */
function launchPatroni(dir: string): Launched {
  const launched = launchAs(
    "sh",
    ["-c", `exec patroni '${join(dir, "patroni.yml")}' >'${join(dir, "patroni.log")}' 2>&1`],
    dir,
  );
  releaseLater("postgres", () => {
    launched.signal("SIGKILL");
    signalPostgres(dir, "SIGKILL");
  });
  return launched;
}

function launchAs(program: string, args: readonly string[], dir: string): Launched {
  const env = { LC_ALL: "C.UTF-8" };
  if (USER === undefined) return launch(program, args, { dir, env, endWith: "SIGKILL" });
  const identity = [`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", "--pdeathsig", "KILL"];
  return launch("setpriv", [...identity, program, ...args], { dir, env, endWith: "SIGKILL" });
}

async function code(address: string, healthcheck: string): Promise<number> {
  try {
    const url = `http://${address}:${PORTS.rest}/${healthcheck}`;
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status;
  } catch {
    return 0;
  }
}

async function accepts(host: string, port: number): Promise<boolean> {
  const { connect } = await import("node:net");
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function signalPostgres(dir: string, signal: NodeJS.Signals): void {
  try {
    const [pid = ""] = readFileSync(join(dir, "data", "postmaster.pid"), "utf8").split("\n");
    process.kill(Number(pid), signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // it does not run
    if (code !== "ENOENT" && code !== "ESRCH") throw error;
  }
}

function pgbouncerConfig(address: string): string {
  return [
    "[databases]",
    `* = host=${address} port=${PORTS.postgres} user=postgres`,
    "[pgbouncer]",
    `listen_addr = ${address}`,
    `listen_port = ${PORTS.pgbouncer}`,
    "unix_socket_dir =",
    "auth_type = any",
    "admin_users = postgres",
    "pool_mode = transaction",
    "",
  ].join("\n");
}

function binaries(): string {
  const version = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))[0];
  if (version === undefined) throw new Error("PostgreSQL is not installed: run npm test, it installs postgresql");
  return join(VERSIONS, version, "bin");
}

function patroniConfig(dir: string, node: { address: string; name: string; consul: string }): string {
  const { address, name, consul } = node;
  const data = join(dir, "data");
  return `scope: demo
namespace: /service/
name: ${name}
restapi: {listen: '${address}:${PORTS.rest}', connect_address: '${address}:${PORTS.rest}'}
consul: {host: '${consul}', register_service: false}
bootstrap:
  dcs: {ttl: 4, loop_wait: 1, retry_timeout: 3, postgresql: {use_pg_rewind: false, use_slots: true}}
  initdb: [{encoding: UTF8}, {locale: C}, no-sync, {auth-host: trust}, {auth-local: trust}]
postgresql:
  listen: '${address}:${PORTS.postgres}'
  connect_address: '${address}:${PORTS.postgres}'
  data_dir: ${data}
  bin_dir: ${binaries()}
  pgpass: ${join(dir, "pgpass")}
  remove_data_directory_on_diverged_timelines: true
  remove_data_directory_on_rewind_failure: true
  basebackup: [{checkpoint: fast}, no-sync]
  authentication: {superuser: {username: postgres, password: pw}, replication: {username: repl, password: pw}}
  pg_hba:
    - local all all trust
    - host secret all 127.0.0.0/8 scram-sha-256
    - host all all 127.0.0.0/8 trust
    - host replication all 127.0.0.0/8 trust
  parameters: {unix_socket_directories: '${dir}', fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', shared_buffers: 8MB, max_wal_size: 64MB, min_wal_size: 32MB}
watchdog: {mode: 'off'}
`;
}
