import type { HaproxyPeers, PeersReading } from "../core/peers-status.ts";
import { escapeHtml, printable } from "./status-words.ts";

/** In one line, for the head of a page: `1 of 2 writers is as it should be`. */
export function countPeers(readings: readonly PeersReading[]): string {
  if (readings.length === 0) return "no HAProxies were asked for their peers yet";
  const good = readings.filter(({ verdict }) => verdict.isGood).length;
  return `${good} of ${readings.length} ${readings.length === 1 ? "resource" : "resources"} with peers is well`;
}

/** What people read at a terminal, a block for each resource. */
export function peersText(readings: readonly PeersReading[]): readonly string[] {
  return readings.map(({ status, verdict }) =>
    [
      printable(`${mark(verdict.isGood).padEnd(8)}  peers ${status.resource ?? ""}: ${verdict.summary}`),
      ...verdict.troubles.map((trouble) => printable(`            ! ${trouble}`)),
      ...status.haproxies.map((one) => printable(`            ${one.name}  ${haproxyWords(one)}`)),
      "",
    ].join("\n"),
  );
}

/** The same for a browser. */
export function peersHtml(readings: readonly PeersReading[]): string {
  return readings
    .map(({ status, verdict }) => {
      const condition = verdict.isGood ? "good" : "bad";
      const rows = status.haproxies.map(
        (one) =>
          `<tr><th scope="row">${escapeHtml(one.name)}</th><td colspan="2">${escapeHtml(haproxyWords(one))}</td></tr>`,
      );
      return `<section class="${condition}">
<h2><span class="mark">${condition}</span> peers ${escapeHtml(status.resource ?? "")}</h2>
<p>${escapeHtml(verdict.summary)}</p>
${verdict.troubles.map((trouble) => `<p class="order">${escapeHtml(trouble)}</p>\n`).join("")}<table>
<tbody>
${rows.join("\n")}
</tbody>
</table>
</section>`;
    })
    .join("\n");
}

function mark(isGood: boolean): string {
  return isGood ? "GOOD" : "BAD";
}

function haproxyWords({ problem, active, row, servers, peers }: HaproxyPeers): string {
  if (problem !== undefined) return problem;
  const status = servers.find(({ name }) => name === active)?.status;
  const writer = active ?? (row === undefined ? "no writer yet" : `no server that is there (${row})`);
  const count = (peers ?? []).filter(({ isConnected }) => isConnected).length;
  const links = peers === undefined ? "no peers" : `${count} of ${peers.length} peers connected`;
  return `${writer}${status === undefined ? "" : ` (${status})`}, ${links}`;
}
