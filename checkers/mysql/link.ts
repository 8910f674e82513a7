import { createConnection, isIP, type Socket } from "node:net";
import type { Connection, TypeCast } from "mysql2";
import type { Target } from "../../src/core/targets.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import type { Login } from "./login.ts";

/** A row of an answer by column name; all values as text. */
export type Row = Readonly<Record<string, string | null>>;

/** One connection, from its first byte to its end. */
export interface Link {
  /** The login was accepted. */
  readonly isOpen: boolean;
  query(sql: string): Promise<readonly Row[]>;
  ping(): Promise<void>;
  /** Asks the server for its version, once. */
  dialect(): Promise<Dialect>;
  /** At once, with the socket; `ended` is not called after it. */
  destroy(): void;
  /** With a word of farewell: a server counts and logs each connection that ends without one. */
  leave(): void;
}

/** What mysql2 is loaded as. */
export type Driver = typeof import("mysql2");

/**
 * A greeting begins with a packet of at most some hundred bytes and number 0, that says protocol 10 or that there
 * is an error (MySQL, Protocol::HandshakeV10). Told apart here, because mysql2 waits for megabytes when it is
 * sent `HTTP`.
 */
const MAX_GREETING_BYTES = 4_096;
const GREETING_MARKERS: ReadonlySet<number | undefined> = new Set([0x0a, 0xff]);

/** How long a server may take to close a connection that was said farewell on. */
const FAREWELL_MS = 1_000;

/** Numbers and dates as the server writes them: nothing here is worth a conversion that depends on a time zone. */
const asText: TypeCast = (field) => field.string("utf8");

/**
 * Begins to connect; what is asked meanwhile waits. `ended` is called once, at the moment the connection is lost or
 * cannot be made: questions that are under way then may never be answered.
 */
export function openLink(driver: Driver, to: { target: Target; login: Login }, ended: (error: Error) => void): Link {
  const { login } = to;
  const { host, port } = to.target;
  const socket = createConnection({ host, port, noDelay: true, keepAlive: true });
  const connection = driver.createConnection({
    // Our own socket: mysql2 tells of a FIN late, of its own destroy not at all, and has no abort.
    stream: socket,
    host: hostToVerify(host),
    user: login.user,
    password: login.password,
    ...(login.ssl === undefined ? {} : { ssl: login.ssl }),
    // The deadline is the caller's: two timers would race for the words of the verdict.
    connectTimeout: 0,
    typeCast: asText,
    disableEval: true,
  });
  let isOpen = false;
  let over = false;
  let dialect: Promise<Dialect> | undefined;
  const query = (sql: string) => ask(connection, sql);

  function end(error: Error): void {
    if (over) return;
    destroy();
    ended(error);
  }

  function destroy(): void {
    over = true;
    socket.destroy();
  }

  watch(socket, connection, end);
  connection.once("connect", () => {
    isOpen = true;
  });
  return {
    get isOpen() {
      return isOpen;
    },
    query,
    ping: () => ping(connection),
    dialect() {
      dialect ??= query("SELECT @@version AS version").then(([row]) => dialectOf(row?.["version"] ?? ""));
      return dialect;
    },
    destroy,
    leave() {
      over = true;
      if (isOpen) bidFarewell(connection, socket);
      else socket.destroy();
    },
  };
}

/**
 * mysql2 connects nowhere by itself here; the name is what it has the certificate checked for. For an IP address it
 * passes none on, and Node then checks for `localhost`. With the dot of a full name it is passed on, and Node takes
 * the dot off again before it compares.
 */
function hostToVerify(host: string): string {
  return isIP(host) === 0 ? host : `${host}.`;
}

function watch(socket: Socket, connection: Connection, end: (error: Error) => void): void {
  socket.on("end", () => end(new Error("it closed the connection")));
  socket.on("close", () => end(new Error("the connection was closed")));
  socket.on("error", end);
  socket.once("data", (chunk: Buffer) => {
    if (!isGreeting(chunk)) end(new Error("it does not greet in MySQL's protocol"));
  });
  connection.on("error", end);
}

/** False as soon as it is clear; a first piece of less than five bytes is left to mysql2. */
function isGreeting(chunk: Buffer): boolean {
  if (chunk.length < 5) return true;
  return chunk.readUIntLE(0, 3) <= MAX_GREETING_BYTES && chunk[3] === 0 && GREETING_MARKERS.has(chunk[4]);
}

function ask(connection: Connection, sql: string): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error: Error | null, rows: unknown) => {
      if (error === null) resolve(Array.isArray(rows) ? (rows as Row[]) : []);
      else reject(error);
    });
  });
}

function ping(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.ping((error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

function bidFarewell(connection: Connection, socket: Socket): void {
  socket.setTimeout(FAREWELL_MS, () => socket.destroy());
  socket.unref();
  connection.end();
}
