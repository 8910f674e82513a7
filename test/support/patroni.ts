import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Consul } from "./consul.ts";
import { eventually } from "./eventually.ts";
import { type Launched, launch } from "./launch.ts";
import { startPgbouncer } from "./pgbouncer.ts";
import { giveToPostgres, launchAsPostgres, POSTGRES_PORT, postgresBinaries, postmasterOf, SMALL } from "./postgres.ts";
import { releaseLater } from "./releases.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

const REST_PORT = 28_008;

/** PostgreSQL under Patroni is nobody's child: should the tests be killed, this is told, and kills it. */
const GUARD = `trap 'kill -KILL $! $(head -n 1 data/postmaster.pid); exit' TERM
while :; do sleep 3600 & wait; done
`;

/** A server with Patroni, PostgreSQL and PgBouncer. It ends with the test. */
export interface PatroniNode {
  readonly name: string;
  readonly address: string;
  readonly restPort: number;
  readonly postgresPort: number;
  readonly patroni: Server;
  /** Whoever comes through it finds `test.way` set to `pgbouncer`. */
  readonly pgbouncer: Server;
  /** The status code of a health check; 0: no answer. */
  code(healthcheck: string): Promise<number>;
  /** SIGKILL, SIGSTOP or SIGCONT for the postmaster. */
  signalPostgres(name: PostmasterSignal): void;
}

/** A pair, each with its role. */
export interface PatroniRoles {
  readonly primary: PatroniNode;
  readonly replica: PatroniNode;
}

/** Longer than Patroni's ttl and its loop together, and a copy of the data, on a busy machine. */
export const FAILOVER_MS = 40_000;

type PostmasterSignal = "SIGKILL" | "SIGSTOP" | "SIGCONT";

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

/** Waits until one of the first two is the primary and the other one its replica. */
export function untilRoles(nodes: readonly PatroniNode[]): Promise<PatroniRoles> {
  const find = async () => {
    const [one, two] = nodes;
    if (one === undefined || two === undefined) throw new Error("it takes two");
    for (const [primary, replica] of [[one, two] as const, [two, one] as const]) {
      const isSo = (await primary.code("primary")) === 200 && (await replica.code("replica")) === 200;
      if (isSo) return { primary, replica };
    }
    return undefined;
  };
  return eventually("one is primary, the other its replica", find, FAILOVER_MS);
}

/** Makes the replica the primary; returns when both have their new roles. */
export async function switchOver(nodes: readonly PatroniNode[]): Promise<PatroniRoles> {
  const { primary, replica } = await untilRoles(nodes);
  const body = JSON.stringify({ leader: primary.name, candidate: replica.name });
  await fetch(`http://${primary.address}:${primary.restPort}/switchover`, { method: "POST", body });
  const isSo = async () => {
    const roles = await untilRoles(nodes);
    return roles.primary === replica && roles;
  };
  return eventually("the primary has moved", isSo, FAILOVER_MS);
}

async function startNode(consul: Consul, address: string, name: string): Promise<PatroniNode> {
  const dir = tempDir("patroni");
  writeFileSync(join(dir, "patroni.yml"), patroniConfig(dir, { address, name, consul: consul.server }));
  writeFileSync(join(dir, "guard.sh"), GUARD);
  giveToPostgres(dir);
  launch("setpriv", ["--pdeathsig", "TERM", "sh", "guard.sh"], { dir, endWith: "SIGKILL" });
  const patroni = await startServer({
    what: `Patroni on ${address}`,
    address,
    port: REST_PORT,
    start: () => launchPatroni(dir),
    // before the first primary there is an answer already, and it is no
    ready: async () => (await code(address, "health")) > 0,
  });
  return {
    name,
    address,
    restPort: REST_PORT,
    postgresPort: POSTGRES_PORT,
    patroni,
    pgbouncer: await startPgbouncer({
      address,
      upstream: { address, port: POSTGRES_PORT },
      database: `user=postgres connect_query='SET test.way TO pgbouncer'`,
    }),
    code: (healthcheck) => code(address, healthcheck),
    signalPostgres: (signal) => signalPostgres(dir, signal),
  };
}

/** PostgreSQL outlives a Patroni that is killed, and must not keep its output open then. */
function launchPatroni(dir: string): Launched {
  const launched = launchAsPostgres(
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

async function code(address: string, healthcheck: string): Promise<number> {
  try {
    const url = `http://${address}:${REST_PORT}/${healthcheck}`;
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status;
  } catch {
    return 0;
  }
}

function signalPostgres(dir: string, signal: PostmasterSignal): void {
  const pid = postmasterOf(join(dir, "data"));
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    // it does not run any more
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function patroniConfig(dir: string, node: { address: string; name: string; consul: string }): string {
  const { address, name, consul } = node;
  const parameters = Object.entries({ ...SMALL, unix_socket_directories: dir }).map(
    ([parameter, value]) => `${parameter}: '${value}'`,
  );
  return `scope: demo
namespace: /service/
name: ${name}
restapi: {listen: '${address}:${REST_PORT}', connect_address: '${address}:${REST_PORT}'}
consul: {host: '${consul}', register_service: false}
bootstrap:
  dcs: {ttl: 4, loop_wait: 1, retry_timeout: 3, postgresql: {use_pg_rewind: false, use_slots: true}}
  initdb: [{encoding: UTF8}, {locale: C}, no-sync, {auth-host: trust}, {auth-local: trust}]
postgresql:
  listen: '${address}:${POSTGRES_PORT}'
  connect_address: '${address}:${POSTGRES_PORT}'
  data_dir: ${join(dir, "data")}
  bin_dir: ${postgresBinaries()}
  pgpass: ${join(dir, "pgpass")}
  remove_data_directory_on_diverged_timelines: true
  remove_data_directory_on_rewind_failure: true
  basebackup: [{checkpoint: fast}, no-sync]
  authentication: {superuser: {username: postgres, password: pw}, replication: {username: repl, password: pw}}
  pg_hba: ['local all all trust', 'host all all 127.0.0.0/8 trust', 'host replication all 127.0.0.0/8 trust']
  parameters: {${parameters.join(", ")}}
watchdog: {mode: 'off'}
`;
}
