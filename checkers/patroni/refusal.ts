/** An error by which PostgreSQL or PgBouncer refuses a login or a query. */
export interface ServerError {
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
}

/** Whether an error speaks of our login, of a server that has no place left, or of its being of no use now. */
export type Refusal = { readonly about: "login" | "full"; readonly advice: string } | { readonly about: "server" };

/** PostgreSQL, "Error Codes": what speaks of us and not of the server. */
const BY_CODE: Readonly<Record<string, Refusal>> = {
  "28000": { about: "login", advice: "check the user and pg_hba.conf" },
  "28P01": { about: "login", advice: "check the password" },
  "3D000": { about: "login", advice: "check --database" },
  "42501": { about: "login", advice: "grant it" },
  "53300": { about: "full", advice: "raise max_connections, or reserve some for the checker" },
};

/** PgBouncer's only code for all that it says itself (before 1.20; later versions pass some of the server's on). */
const PGBOUNCER = "08P01";

const PGBOUNCER_LOGIN =
  /auth|password|no such (user|database)|username|login rejected|not allowed|ssl required|unsupported|PQexec disallowed/i;
const PGBOUNCER_FULL = /no more connections|connections exceeded|too many/i;

/** What an error means. PgBouncer's are told apart by their words (`disconnect_client` in its sources). */
export function readRefusal({ code, message }: ServerError): Refusal {
  if (code !== PGBOUNCER) return BY_CODE[code] ?? { about: "server" };
  if (PGBOUNCER_FULL.test(message)) return { about: "full", advice: "raise PgBouncer's limit" };
  if (PGBOUNCER_LOGIN.test(message)) return { about: "login", advice: "check the login, and PgBouncer's auth_file" };
  return { about: "server" };
}
