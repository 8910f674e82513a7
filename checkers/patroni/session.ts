import { Socket } from "node:net";
import type { Client } from "pg";
import type { Target } from "../../src/core/targets.ts";
import type { ReadPassword } from "./password.ts";
import { isPostgres } from "./startup.ts";

/** A kept connection to PostgreSQL, through PgBouncer or not; made at the first question, and again when it is gone. */
export interface PgSession {
  /**
   * What `pg_is_in_recovery()` says. Rejects with the server's error, when the connection is lost, and with the signal's
   * reason; the connection is dropped then. One question at a time.
   */
  inRecovery(signal: AbortSignal): Promise<boolean>;
  /** Safe to call twice; `onLost` is not called. */
  close(): void;
}

/** Where to, as whom, and whom to tell when the connection ends while nothing is asked. */
export interface PgSessionOptions {
  readonly target: Target;
  readonly user: string;
  readonly password: ReadPassword;
  readonly database: string;
  onLost(reason: string): void;
}

/** One statement, a transaction of its own: in PgBouncer's transaction mode the server is given back at once. */
const QUESTION = "SELECT pg_is_in_recovery() AS recovery";

interface Link {
  readonly client: Client;
  readonly socket: Socket;
}

/** Connects nothing yet. */
export function createPgSession(options: PgSessionOptions): PgSession {
  let link: Link | undefined;
  /** Fails the question that is under way. */
  let fail: ((error: unknown) => void) | undefined;
  let closed = false;

  function end(ended: Link, error: Error): void {
    if (link !== ended) return;
    drop();
    if (fail === undefined) options.onLost(error.message);
    else fail(error);
  }

  function drop(): void {
    const dropped = link;
    link = undefined;
    dropped?.socket.destroy();
  }

  async function open(signal: AbortSignal): Promise<Link> {
    const { default: pg } = await import("pg");
    // given up while it was loaded
    signal.throwIfAborted();
    if (closed) throw closedHere();
    const socket = new Socket();
    // on a socket of ours: it can be dropped in the middle of a question
    const made = { client: new pg.Client({ ...loginOf(options), stream: () => socket }), socket };
    link = made;
    made.client.on("error", (error) => end(made, error));
    socket.on("error", (error) => end(made, error));
    socket.on("close", () => end(made, new Error("it closed the connection")));
    socket.once("data", (first) => {
      if (!isPostgres(first)) end(made, new Error("it does not answer in PostgreSQL's protocol"));
    });
    await made.client.connect();
    return made;
  }

  async function ask(signal: AbortSignal): Promise<boolean> {
    const { client } = link ?? (await open(signal));
    const { rows } = await client.query<{ recovery: boolean }>(QUESTION);
    return rows[0]?.recovery === true;
  }

  return {
    async inRecovery(signal) {
      signal.throwIfAborted();
      if (closed) throw closedHere();
      const failed = new Promise<never>((_, reject) => {
        fail = reject;
      });
      const onAbort = () => fail?.(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return await Promise.race([ask(signal), failed]);
      } catch (error) {
        drop();
        throw error;
      } finally {
        fail = undefined;
        signal.removeEventListener("abort", onAbort);
      }
    },
    close() {
      closed = true;
      if (fail !== undefined) {
        fail(closedHere());
        return;
      }
      const left = link;
      link = undefined;
      if (left !== undefined) leave(left);
    },
  };
}

function closedHere(): Error {
  return new Error("the connection was closed by this side");
}

/** What pg would take from PGPASSWORD, ~/.pgpass and PGSSLMODE is said outright: the options are all that counts. */
function loginOf({ target, user, password, database }: PgSessionOptions) {
  const { host, port } = target;
  return { host, port, user, password, database, application_name: "confd-haproxy", ssl: false };
}

/** Says goodbye, so that nobody's log tells of a lost client. */
function leave({ client, socket }: Link): void {
  socket.once("finish", () => socket.destroy());
  client.end().catch(() => socket.destroy());
}
