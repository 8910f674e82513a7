import type { HaproxyPeers, PeersReading } from "../core/peers-status.ts";
import { peersDocument } from "../observe/peers-document.ts";

/** What `peers status` prints for people. */
export function statusText({ status, verdict }: PeersReading): string {
  const { table, backend, resource, haproxies, unasked, warnings } = status;
  const where =
    table === undefined ? [] : [`stick table ${table}${backend === table ? "" : `, servers of ${backend}`}`];
  const heading = [...(resource === undefined ? [] : [`resource ${resource}`]), ...where].join(", ");
  const rows = haproxies.map(rowOf);
  const others = unasked.length === 0 ? [] : [`not asked, no runtime socket is known: ${unasked.join(", ")}`];
  const troubles = verdict.troubles.map((trouble) => `! ${trouble}`);
  return [
    ...(heading === "" ? [] : [heading, ""]),
    ...tableLines([["HAPROXY", "ACTIVE", "HEALTH", "SESSIONS", "PEERS"], ...rows]),
    "",
    ...troubles,
    ...warnings.map((warning) => `warning: ${warning}`),
    ...others,
    verdict.summary,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** The same for programs. */
export function statusJson(reading: PeersReading): string {
  return `${JSON.stringify(peersDocument(reading), null, 2)}\n`;
}

function rowOf(one: HaproxyPeers): readonly string[] {
  const { name, problem, active, row, servers, peers } = one;
  if (problem !== undefined) return [name, "?", "?", "?", "?"];
  const writer = servers.find((server) => server.name === active);
  const sessions = servers
    .filter((server) => server.sessions > 0)
    .map((server) => `${server.sessions} to ${server.name}`);
  return [
    name,
    active ?? (row === undefined ? "none yet" : "none that is there"),
    writer?.status ?? "-",
    sessions.join(", ") || "none",
    peersCell(peers),
  ];
}

function peersCell(peers: HaproxyPeers["peers"]): string {
  if (peers === undefined) return "no peers";
  const away = peers.filter(({ isConnected }) => !isConnected).map(({ name }) => name);
  const count = `${peers.length - away.length}/${peers.length}`;
  return away.length === 0 ? count : `${count}, not ${away.join(", ")}`;
}

function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
