import type { Call } from "../../src/core/call.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { Identity } from "./identity.ts";
import type { Names } from "./names.ts";
import type { SourceName } from "./status.ts";

/** A server that a replica may replicate from. */
export interface PossibleSource {
  readonly target: Target;
  /** Undefined as long as it was never asked. */
  readonly identity: Identity | undefined;
  /** It listed the replica as its own. */
  readonly isVouchedFor: boolean;
}

/** MariaDB's default: servers that nobody gave a number of their own share it. */
const SERVER_ID_OF_EVERYBODY = 1;

/**
 * Whether the source that a replica names is this server; undefined when it cannot be told. A source has many names
 * (another interface, a VIP, a tunnel), so what the servers call themselves counts more than addresses:
 *
 * - both UUIDs known: they decide;
 * - both server ids known: different ones are different servers, also behind one name (a VIP that moved while the
 *   replica kept its old connection); equal ones are one server, unless it is the id that everybody has;
 * - otherwise host and port, names resolved from here.
 */
export async function isSource(
  source: SourceName,
  server: PossibleSource,
  names: Names,
  call: Call,
): Promise<boolean | undefined> {
  const { identity } = server;
  if (source.uuid !== undefined && identity?.uuid !== undefined) return source.uuid === identity.uuid;
  if (source.serverId !== undefined && identity?.serverId !== undefined) {
    if (source.serverId !== identity.serverId) return false;
    if (source.serverId !== SERVER_ID_OF_EVERYBODY || server.isVouchedFor) return true;
  }
  if (source.port !== server.target.port) return false;
  return names.areSame(source.host, server.target.host, call);
}

/** `10.0.0.9:3306 (server id 9)`. */
export function sourceWords(source: SourceName): string {
  const id = source.serverId === undefined ? "" : ` (server id ${source.serverId})`;
  return `${targetName(source)}${id}`;
}
