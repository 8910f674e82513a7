import { Socket } from "node:net";
import type { Client } from "pg";
import type { Target } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";

/** A kept connection to PostgreSQL, through PgBouncer or not; made at the first question, and again when it is gone. */
export interface PgSession {
  /** What `pg_is_in_recovery()` says. Rejects with the server's error, when the connection is lost, and with the signal's reason. */
  inRecovery(signal: AbortSignal): Promise<boolean>;
  /** Safe to call twice; `onLost` is not called. */
  close(): void;
}

/** Where to, as whom, and whom to tell when the connection ends while nothing is asked. */
export interface PgSessionOptions {
  readonly target: Target;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  onLost(reason: string): void;
}

/** One statement in a transaction of its own: in PgBouncer's transaction mode the server is given back at once. */
const QUESTION = "SELECT pg_is_in_recovery() AS recovery";

interface Link {
  readonly client: Client;
  readonly socket: Socket;
}

/** Connects nothing yet. */
export function createPgSession({ target, user, password, database, onLost }: PgSessionOptions): PgSession {
  let link: Link | undefined;
  /** Fails the question that is under way. */
  let fail: ((error: unknown) => void) | undefined;

  function end(ended: Link, error: Error): void {
    if (link !== ended) return;
    link = undefined;
    ended.socket.destroy();
    if (fail === undefined) onLost(error.message);
    else fail(error);
  }

  async function open(): Promise<Link> {
    const { default: pg } = await import("pg");
    const socket = new Socket();
    const login = {
      user,
      database,
      application_name: "confd-haproxy",
      ...(password === undefined ? {} : { password }),
    };
    // on a socket of ours: a lost one is known at once, and it can be dropped in the middle of a question
    const client = new pg.Client({ ...login, ...target, stream: () => socket });
    const made = { client, socket };
    link = made;
    client.on("error", (error) => end(made, error));
    socket.on("error", (error) => end(made, error));
    socket.on("close", () => end(made, new Error("it closed the connection")));
    await client.connect();
    return made;
  }

  function drop(): void {
    const dropped = link;
    link = undefined;
    dropped?.socket.destroy();
  }

  return {
    async inRecovery(signal) {
      signal.throwIfAborted();
      const failed = new Promise<never>((_, reject) => {
        fail = reject;
      });
      const onAbort = () => fail?.(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        const ask = async () => {
          const { client } = link ?? (await open());
          const { rows } = await client.query<{ recovery: boolean }>(QUESTION);
          return rows[0]?.recovery === true;
        };
        return await Promise.race([ask(), failed]);
      } catch (error) {
        drop();
        throw error;
      } finally {
        fail = undefined;
        signal.removeEventListener("abort", onAbort);
      }
    },
    close() {
      const closed = link;
      link = undefined;
      fail?.(new Error("the connection was closed by this side"));
      if (closed === undefined) return;
      closed.socket.unref();
      closed.client.end().catch(() => closed.socket.destroy());
    },
  };
}

/** Codes of errors that speak of our login (PostgreSQL, "Error Codes"); PgBouncer has one for all of its own. */
const ABOUT_US: Readonly<Record<string, string>> = {
  "28000": "check the user and pg_hba.conf",
  "28P01": "check the password",
  "3D000": "check --database",
  "42501": "grant it",
  "53300": "raise max_connections, or give the checker a reserved one",
};
const PGBOUNCER = "08P01";

/** A verdict for what says nothing about the server; undefined for all else. The messages name users, never passwords. */
export function verdictAboutUs(error: unknown): Verdict | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  const isOurs = error.code === PGBOUNCER && /auth|no such (user|database)|not allowed|password/i.test(error.message);
  const advice = isOurs ? "check the login, and PgBouncer's auth_file" : ABOUT_US[error.code];
  return advice === undefined ? undefined : { state: "unknown", reason: `${error.message}; ${advice}` };
}
