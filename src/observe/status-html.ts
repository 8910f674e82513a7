import type { ServerStatus } from "../core/status.ts";
import { countConditions, type JudgedGroup, worstFirst } from "./status-judgement.ts";
import { countPeers, peersHtml } from "./status-peers.ts";
import type { StatusReport } from "./status-report.ts";
import { STATUS_CSS } from "./status-style.ts";
import { roleWords } from "./status-text.ts";
import { escapeHtml, orderWords, sinceWords } from "./status-words.ts";

/** How often a browser asks again, seconds. */
const REFRESH_SECONDS = 10;

/** The report for a browser: one file, no script, everything that comes from outside escaped. */
export function statusHtml(report: StatusReport): string {
  const { peers } = report;
  const since = sinceWords(report.startedMs, report.nowMs);
  const headline = escapeHtml(peers === undefined ? countConditions(report.judged) : countPeers(peers));
  const doing = peers === undefined ? "checking" : "rendering";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>${headline} - confd-haproxy</title>
<style>${STATUS_CSS}</style>
</head>
<body>
<header>
<h1>${headline}</h1>
<p>confd-haproxy ${escapeHtml(report.version)}, ${doing} since ${escapeHtml(since)}.
As text: <a href="/status.txt">status.txt</a>; for programs: <a href="/status">status</a>, <a href="/metrics">metrics</a>.</p>
</header>
<main>
${worstFirst(report.judged).map(groupHtml).join("\n")}${peersHtml(peers ?? [])}
</main>
</body>
</html>
`;
}

function groupHtml({ group, judgement }: JudgedGroup): string {
  const { condition, words } = judgement;
  const name = escapeHtml(`${group.kind} ${group.tag}`);
  return `<section class="${condition}">
<h2><span class="mark">${condition}</span> ${name}<small>${roleWords(group)}</small></h2>
<p>${escapeHtml(words)}</p>
${group.orders.map((order) => `<p class="order">${escapeHtml(orderWords(order))}</p>\n`).join("")}${group.servers.length === 0 ? "" : serversHtml(name, group.servers)}</section>`;
}

function serversHtml(caption: string, servers: readonly ServerStatus[]): string {
  return `<table>
<caption>${caption}</caption>
<colgroup><col class="name"><col class="health"><col></colgroup>
<thead><tr><th scope="col">server</th><th scope="col">health</th><th scope="col">reason</th></tr></thead>
<tbody>
${servers.map(serverHtml).join("\n")}
</tbody>
</table>
`;
}

function serverHtml({ name, health, published, reason }: ServerStatus): string {
  const badge = published ? ' <span class="published">published</span>' : "";
  return `<tr><th scope="row">${escapeHtml(name)}${badge}</th><td class="${health}">${health}</td><td>${escapeHtml(reason)}</td></tr>`;
}
