import { createConnection, type Socket } from "node:net";
import type { Connection, TypeCast } from "mysql2";
import type { Target } from "../../src/core/targets.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import type { ReadLogin } from "./login.ts";

/** A row of an answer by column name; all values as text. */
export type Row = Readonly<Record<string, string | null>>;

/** A kept connection to one server, made at the first question and again when it is needed and gone. */
export interface Session {
  /**
   * Asks with the words of the server's version. Rejects with the server's error (it has `errno`), when the connection
   * cannot be made or is lost, and with the signal's reason; in the last two cases the connection is dropped at once,
   * so that a late answer is never taken for another one. One exchange at a time.
   */
  query(words: string | ((dialect: Dialect) => string), signal: AbortSignal): Promise<readonly Row[]>;
  /** COM_PING: the server's thread for this connection lives. */
  ping(signal: AbortSignal): Promise<void>;
  /** Safe to call twice. A question that is under way rejects; `onLost` is not called. */
  close(): void;
}

/** Where to, as whom, and whom to tell when the connection ends while nothing is asked. */
export interface SessionOptions {
  readonly target: Target;
  readonly login: ReadLogin;
  onLost?(reason: string): void;
}

/** One connection, from its first byte. */
interface Link {
  readonly socket: Socket;
  readonly connection: Connection;
  /** The login was accepted. */
  isOpen: boolean;
  dialect: Dialect | undefined;
}

/**
 * A greeting begins with a packet of at most some hundred bytes and number 0, that says protocol 10 or that there
 * is an error (MySQL, Protocol::HandshakeV10). Told apart here, because mysql2 waits for megabytes when it is
 * sent `HTTP`.
 */
const MAX_GREETING_BYTES = 4_096;
const GREETING_MARKERS: ReadonlySet<number | undefined> = new Set([0x0a, 0xff]);

/** Numbers and dates as the server writes them: nothing here is worth a conversion that depends on a time zone. */
const asText: TypeCast = (field) => field.string("utf8");

/** Connects nothing yet. */
export function createSession(options: SessionOptions): Session {
  let link: Link | undefined;
  /** Fails the question that is under way. */
  let fail: ((error: unknown) => void) | undefined;
  let closed = false;

  /** The end of a connection, told to whom it concerns: the one who is asking, else the listener. Only the first counts. */
  function end(socket: Socket, error: Error): void {
    if (link?.socket !== socket) return;
    link = undefined;
    socket.destroy();
    if (fail === undefined) options.onLost?.(error.message);
    else fail(error);
  }

  function drop(): void {
    const dropped = link;
    link = undefined;
    dropped?.socket.destroy();
  }

  async function connect(signal: AbortSignal): Promise<Link> {
    const [mysql, login] = await Promise.all([import("mysql2"), options.login()]);
    signal.throwIfAborted();
    if (closed) throw new Error("the connection was closed by this side");
    const { host, port } = options.target;
    const socket = createConnection({ host, port, noDelay: true, keepAlive: true });
    const connection = mysql.createConnection({
      stream: socket,
      host,
      port,
      user: login.user,
      password: login.password,
      ...(login.ssl === undefined ? {} : { ssl: login.ssl }),
      // The deadline is the caller's, through the signal: two timers would race for the words of the verdict.
      connectTimeout: 0,
      typeCast: asText,
      disableEval: true,
    });
    const made: Link = { socket, connection, isOpen: false, dialect: undefined };
    link = made;
    watch(made);
    return made;
  }

  function watch(made: Link): void {
    const { socket, connection } = made;
    // Our own socket, because mysql2 tells of a FIN only once the socket is closed, and of a destroy not at all.
    socket.on("end", () => end(socket, new Error("it closed the connection")));
    socket.on("close", () => end(socket, new Error("the connection was closed")));
    socket.on("error", (error) => end(socket, error));
    socket.once("data", (chunk: Buffer) => {
      if (!isGreeting(chunk)) end(socket, new Error("it does not greet in MySQL's protocol"));
    });
    connection.once("connect", () => {
      made.isOpen = true;
    });
    connection.on("error", (error: Error) => end(socket, error));
  }

  async function run<T>({ signal, work }: { signal: AbortSignal; work: (link: Link) => Promise<T> }): Promise<T> {
    signal.throwIfAborted();
    let reject: (error: unknown) => void = () => {};
    const failed = new Promise<never>((_, no) => {
      reject = no;
    });
    const onAbort = () => {
      drop();
      reject(signal.reason);
    };
    fail = reject;
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([connectAnd(work, signal), failed]);
    } catch (error) {
      // A refused login ends the connection too, though mysql2 does not call it fatal.
      if (link?.isOpen !== true || !isAnswer(error)) drop();
      throw error;
    } finally {
      fail = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  async function connectAnd<T>(work: (link: Link) => Promise<T>, signal: AbortSignal): Promise<T> {
    return work(link ?? (await connect(signal)));
  }

  async function dialect(current: Link): Promise<Dialect> {
    if (current.dialect === undefined) {
      const [row] = await ask(current.connection, "SELECT @@version AS version");
      current.dialect = dialectOf(row?.["version"] ?? "");
    }
    return current.dialect;
  }

  return {
    query: (words, signal) =>
      run({
        signal,
        work: async (current) =>
          ask(current.connection, typeof words === "string" ? words : words(await dialect(current))),
      }),
    ping: (signal) => run({ signal, work: ({ connection }) => ping(connection) }),
    close() {
      closed = true;
      drop();
      fail?.(new Error("the connection was closed by this side"));
    },
  };
}

/** False as soon as it is clear; a first piece of less than five bytes is left to mysql2. */
function isGreeting(chunk: Buffer): boolean {
  if (chunk.length < 5) return true;
  return chunk.readUIntLE(0, 3) <= MAX_GREETING_BYTES && chunk[3] === 0 && GREETING_MARKERS.has(chunk[4]);
}

/** Whether the server itself answered so, and goes on. */
function isAnswer(error: unknown): boolean {
  return error instanceof Error && "sqlState" in error && !("fatal" in error && error.fatal === true);
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
