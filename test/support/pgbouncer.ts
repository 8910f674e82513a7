import { mkdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { giveToPostgres, launchAsPostgres } from "./postgres.ts";
import { type Server, startServer } from "./server.ts";
import { tempDir } from "./temp-dir.ts";

/** Where a PgBouncer of the tests listens. */
export const PGBOUNCER_PORT = 26_432;

/** How a PgBouncer is to be. */
export interface PgbouncerOptions {
  readonly address: string;
  /** The PostgreSQL behind it. */
  readonly upstream: { readonly address: string; readonly port: number };
  /** More settings; without `auth_type` whoever comes is let in. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** With `auth_type`: who may come, and the password. */
  readonly users?: Readonly<Record<string, string>>;
  /** More words for every database; without it all log in at the server as `postgres`. */
  readonly database?: string;
}

/** Starts a real PgBouncer in transaction mode and returns when it takes connections. It ends with the test. */
export async function startPgbouncer(options: PgbouncerOptions): Promise<Server> {
  const { address } = options;
  const dir = join(tempDir("pgbouncer"), "home");
  mkdirSync(dir);
  const file = join(dir, "pgbouncer.ini");
  writeFileSync(file, iniOf(dir, options));
  const users = Object.entries(options.users ?? {}).map(([name, password]) => `"${name}" "${password}"\n`);
  writeFileSync(join(dir, "users.txt"), users.join(""));
  giveToPostgres(dir);
  return startServer({
    what: `PgBouncer on ${address}`,
    address,
    port: PGBOUNCER_PORT,
    start: () => launchAsPostgres("pgbouncer", [file], dir),
    ready: () => accepts(address),
  });
}

function iniOf(
  dir: string,
  { address, upstream, settings = {}, database = "user=postgres" }: PgbouncerOptions,
): string {
  const all = {
    listen_addr: address,
    listen_port: PGBOUNCER_PORT,
    unix_socket_dir: "",
    auth_type: "any",
    auth_file: join(dir, "users.txt"),
    admin_users: "postgres",
    pool_mode: "transaction",
    // for so long, 15 s by default, it does not try a server again that was down
    server_login_retry: 1,
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
  return `[databases]\n* = host=${upstream.address} port=${upstream.port} ${database}\n[pgbouncer]\n${lines.join("")}`;
}

function accepts(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: PGBOUNCER_PORT }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
