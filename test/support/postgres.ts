import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type Launched, launch } from "./launch.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** PostgreSQL and PgBouncer refuse to run as root. */
const USER = process.geteuid?.() === 0 ? "postgres" : undefined;

/** Debian keeps them by version, outside of the PATH. */
const VERSIONS = "/usr/lib/postgresql";

/** Where a PostgreSQL of the tests listens. */
export const POSTGRES_PORT = 25_432;

/** As small and as fast as it goes: nothing here has to survive a power cut. */
export const SMALL = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  shared_buffers: "8MB",
  max_wal_size: "64MB",
  min_wal_size: "32MB",
} as const;

/** A row as the server's client sees it. */
export type PostgresRow = Readonly<Record<string, unknown>>;

/** A real PostgreSQL on an address of its own. Everything in it is gone with the test. */
export interface Postgres extends Server {
  /** Runs one statement on a connection of its own, as `postgres`, who may do everything. */
  sql(statement: string): Promise<readonly PostgresRow[]>;
}

/** How a server is to be. */
export interface PostgresOptions {
  readonly address: string;
  /** It is in recovery, as a replica is. */
  readonly standby?: boolean;
  /** Lines of pg_hba.conf; whoever comes is trusted by default. */
  readonly hba?: readonly string[];
  /** Lines of postgresql.conf. */
  readonly config?: readonly string[];
}

/** Starts a real PostgreSQL and returns when it answers a query. It ends with the test. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { address, standby = false, hba = ["host all all 127.0.0.0/8 trust"], config = [] } = options;
  const dir = tempDir("postgres");
  const data = join(dir, "data");
  giveToPostgres(dir);
  execAsPostgres(join(postgresBinaries(), "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C"]);
  const small = Object.entries({ ...SMALL, unix_socket_directories: "''" }).map(
    ([name, value]) => `${name} = ${value}`,
  );
  const listen = [`listen_addresses = '${address}'`, `port = ${POSTGRES_PORT}`];
  writeFileSync(join(data, "postgresql.conf"), `${[...small, ...listen, ...config].join("\n")}\n`);
  writeFileSync(join(data, "pg_hba.conf"), `${hba.join("\n")}\n`);
  if (standby) writeFileSync(join(data, "standby.signal"), "");
  const sql = (statement: string) => runSql({ host: address, port: POSTGRES_PORT }, statement);
  const server = await startServer({
    what: `PostgreSQL on ${address}`,
    address,
    port: POSTGRES_PORT,
    // SIGKILL at the end: nobody reads its files again
    start: () => launchAsPostgres(join(postgresBinaries(), "postgres"), ["-D", data], dir),
    ready: () => sql("SELECT 1"),
  });
  return Object.defineProperties(
    { sql } satisfies Omit<Postgres, keyof Server>,
    // not a spread: pid and running are getters
    Object.getOwnPropertyDescriptors(server),
  ) as unknown as Postgres;
}

/** Runs one statement on a connection of its own, as `postgres` unless said otherwise. */
export async function runSql(login: pg.ClientConfig, statement: string): Promise<readonly PostgresRow[]> {
  const client = new pg.Client({ user: "postgres", database: "postgres", ssl: false, ...login });
  // its connection may be killed: that is what the question under way is told
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<PostgresRow>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a program of PostgreSQL's world in the foreground; should the tests be killed it goes with them. */
export function launchAsPostgres(program: string, args: readonly string[], dir: string): Launched {
  const options = { dir, env: { LC_ALL: "C.UTF-8" }, endWith: "SIGKILL" } as const;
  if (USER === undefined) return launch(program, args, options);
  // another user id takes the promise of launch() off
  const identity = [...identityOf(USER), "--pdeathsig", "KILL"];
  return launch("setpriv", [...identity, program, ...args], options);
}

/** Lets whoever PostgreSQL runs as write into this folder. */
export function giveToPostgres(dir: string): void {
  if (USER !== undefined) execFileSync("chown", ["-R", `${USER}:`, dir]);
}

/** The folder with `initdb` and `postgres` of the newest version. */
export function postgresBinaries(): string {
  const version = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))[0];
  if (version === undefined) throw new Error("PostgreSQL is not installed: run npm test, it installs postgresql");
  return join(VERSIONS, version, "bin");
}

/** The postmaster of a data folder; undefined: none runs. */
export function postmasterOf(data: string): number | undefined {
  try {
    const [pid] = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
    return Number(pid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function execAsPostgres(program: string, args: readonly string[]): void {
  const [command = program, ...words] = USER === undefined ? [program] : ["setpriv", ...identityOf(USER), program];
  execFileSync(command, [...words, ...args], { stdio: ["ignore", "ignore", "pipe"] });
}

function identityOf(user: string): readonly string[] {
  return [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
}
