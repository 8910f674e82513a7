import type { HaproxyPeers, PeersStatus } from "../core/peers-status.ts";
import { isUp } from "../haproxy/peers-table.ts";
import type { PeersView } from "../haproxy/peers-view.ts";
import { explainStatus } from "../haproxy/show-peers.ts";
import { askAllPeers } from "./peers-ask.ts";
import type { PeersScope, PeersWorld } from "./peers-places.ts";
import { type AskedAll, type AskedHaproxy, byName, problemOf } from "./peers-ways.ts";

/** Asks all HAProxies of a scope for the writer and their peers. Throws E_USAGE and E_CONFIG, see `askAllPeers`. */
export async function readPeersStatus(scope: PeersScope, world: PeersWorld): Promise<PeersStatus> {
  return statusOf(scope, await askAllPeers(scope, world));
}

/** What was found, as people and programs are told it. */
export function statusOf({ resource, doubts }: PeersScope, { haproxies, unasked }: AskedAll): PeersStatus {
  const views = haproxies.flatMap(({ answer }) => ("view" in answer ? [answer.view] : []));
  return {
    resource,
    table: views[0]?.table.name,
    backend: views[0]?.backend,
    haproxies: haproxies.map(describe),
    unasked,
    doubts,
    warnings: warningsOf(haproxies),
  };
}

function describe(one: AskedHaproxy): HaproxyPeers {
  const { name, places, answer } = one;
  const sockets = places.map(({ address }) => address);
  if (!("view" in answer)) {
    const nothing = { active: undefined, row: undefined, servers: [], peers: undefined };
    return { name, sockets, problem: problemOf(one), ...nothing };
  }
  const { row, servers, group } = answer.view;
  return {
    name,
    sockets,
    problem: undefined,
    active: row?.server,
    row: row?.text,
    servers: servers.map((server) => ({
      name: server.name,
      status: server.status,
      isUp: isUp(server),
      sessions: server.sessions,
    })),
    peers: group?.peers
      .filter(({ isLocal }) => !isLocal)
      .map((peer) => ({ name: peer.name, isConnected: peer.isConnected, why: explainStatus(peer.lastStatus) }))
      .sort((a, b) => byName(a.name, b.name)),
  };
}

/**
 * Below this many rows a table throws its one row away while clients come: each new connection takes a place of its own in
 * the table until it is connected (tried on 2.6.12 and 3.0.11).
 */
const SMALL_TABLE = 100;

function warningsOf(haproxies: readonly AskedHaproxy[]): readonly string[] {
  return haproxies.flatMap(({ name, answer }) =>
    "view" in answer && answer.view.table.size < SMALL_TABLE ? [sizeWarning(name, answer.view)] : [],
  );
}

function sizeWarning(name: string, { table }: PeersView): string {
  return `${name}: stick-table size ${table.size}: clients that come at the same time push the row out, and some reach another server; write size 100k (it still has one row)`;
}
