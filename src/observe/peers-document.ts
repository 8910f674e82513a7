import type { PeersReading } from "../core/peers-status.ts";

/** What was found, for programs; every field is always there, null where it is not known. */
export function peersDocument({ status, verdict }: PeersReading): unknown {
  const { resource, table, backend, haproxies, unasked, doubts, warnings } = status;
  const nothing = (value: string | undefined) => value ?? null;
  return {
    good: verdict.isGood,
    agree: verdict.agrees,
    active: nothing(verdict.active),
    summary: verdict.summary,
    troubles: verdict.troubles,
    warnings,
    resource: nothing(resource),
    table: nothing(table),
    backend: nothing(backend),
    haproxies: haproxies.map(({ name, sockets, problem, active, row, servers, peers }) => ({
      name,
      sockets,
      problem: nothing(problem),
      active: nothing(active),
      row: nothing(row),
      servers: servers.map(({ name, status, isUp, sessions }) => ({ name, status, up: isUp, sessions })),
      peers:
        peers?.map(({ name, isConnected, why }) => ({
          name,
          connected: isConnected,
          why: isConnected ? null : why,
        })) ?? null,
    })),
    unasked,
    doubts,
  };
}
