import { isIP } from "node:net";
import type { Clock } from "../../src/core/clock.ts";
import { isHost, isPort } from "../../src/core/entry.ts";
import type { Dialect } from "./dialect.ts";
import type { Row } from "./link.ts";
import { isDenied } from "./server-error.ts";
import type { Session } from "./session.ts";

/** Who reads a server's binary log, as the server itself sees it. */
export interface Listing {
  /** Those that registered; undefined: the user may not see them. */
  readonly registered: readonly Registration[] | undefined;
  /** The hosts that the dump threads send to, without ports; one per thread. */
  readonly readers: readonly string[];
  /** What this user would have to be granted to see more. */
  readonly missingGrants: readonly string[];
}

/** What a replica said of itself when it connected. */
export interface Registration {
  readonly serverId: number;
  /** Undefined when it reports no host, or none that is one. */
  readonly host: string | undefined;
  /** Undefined when it reports none. */
  readonly port: number | undefined;
}

/** Only dump threads: a master may have thousands of connections. */
const SELECT_READERS =
  "SELECT HOST AS host FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID')";

/** Asks one server for those that replicate from it. */
export interface Lister {
  /** Rejects as {@link Session.query} does; a missing grant is in the answer. */
  list(signal: AbortSignal): Promise<Listing>;
}

/** A refused statement is tried again after this, on a connection that knows of new grants. */
const REFUSED_MS = 60_000;

/** Remembers what was refused. */
export function createLister(session: Session, clock: Clock): Lister {
  let refusedMs = Number.NEGATIVE_INFINITY;
  let dialect: Dialect | undefined;

  async function askRegistered(signal: AbortSignal): Promise<readonly Registration[] | undefined> {
    if (clock.monotonicMs() - refusedMs < REFUSED_MS) return undefined;
    const showReplicas = (words: Dialect) => {
      dialect = words;
      return words.showReplicas;
    };
    try {
      return parseRegistrations(await session.query(showReplicas, signal));
    } catch (error) {
      if (!isDenied(error)) throw error;
      refusedMs = clock.monotonicMs();
      return undefined;
    }
  }

  /** Without PROCESS the list is not refused but short, so it is asked for only when the list looks short. */
  async function lacksProcess({ registered, readers }: Omit<Listing, "missingGrants">, signal: AbortSignal) {
    if (registered !== undefined && (dialect?.listsEverybody === true || readers.length >= registered.length))
      return false;
    return readers.length === 0 && !(await hasProcess(session, signal));
  }

  return {
    async list(signal) {
      const registered = await askRegistered(signal);
      const readers = (await session.query(SELECT_READERS, signal)).flatMap((row) => parseReader(row["host"] ?? ""));
      const missing = registered === undefined && dialect !== undefined ? [dialect.replicasGrant] : [];
      const process = (await lacksProcess({ registered, readers }, signal)) ? ["PROCESS"] : [];
      return { registered, readers, missingGrants: [...missing, ...process] };
    },
  };
}

/** Reads SHOW REPLICAS and SHOW SLAVE HOSTS: Server_id (Server_Id in MySQL 8.0), Host and Port are in both. */
export function parseRegistrations(rows: readonly Row[]): readonly Registration[] {
  return rows.map((row) => {
    const host = withoutBrackets(row["Host"] ?? "");
    const port = Number(row["Port"] ?? 0);
    return {
      serverId: Number(row["Server_id"] ?? row["Server_Id"] ?? 0),
      host: isHost(host) ? host : undefined,
      port: isPort(port) ? port : undefined,
    };
  });
}

/**
 * The host of `10.0.0.3:41322`, `[2001:db8::3]:41322`, `2001:db8::3:41322` (so does MySQL write it), `db3:41322`;
 * nothing when it is not one, as for `localhost` without a port (a socket file).
 */
export function parseReader(text: string): readonly string[] {
  const end = text.lastIndexOf(":");
  if (end <= 0) return [];
  const host = withoutBrackets(text.slice(0, end));
  return isHost(host) ? [withoutMapping(host)] : [];
}

/** Dump threads that no registration accounts for: hosts from which more read than registered. */
export function unaccountedReaders({ registered, readers }: Listing): readonly string[] {
  const open = [...(registered ?? []).flatMap(({ host }) => host ?? [])];
  const unaccounted = readers.filter((reader) => {
    const at = open.indexOf(reader);
    if (at < 0) return true;
    open.splice(at, 1);
    return false;
  });
  return [...new Set(unaccounted)];
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** A server that listens on `::` sees IPv4 clients as `::ffff:10.0.0.3`. */
function withoutMapping(host: string): string {
  const inner = /^::ffff:(?<four>[\d.]+)$/i.exec(host)?.groups?.["four"];
  return inner !== undefined && isIP(inner) === 4 ? inner : host;
}

/** A role may hold it, so a user with roles is believed to. */
async function hasProcess(session: Session, signal: AbortSignal): Promise<boolean> {
  const grants = (await session.query("SHOW GRANTS", signal)).map((row) => Object.values(row)[0] ?? "");
  return grants.some((grant) => /\bPROCESS\b|\bALL PRIVILEGES ON \*\.\*|^GRANT [`'][^ ]+ TO /.test(grant));
}
