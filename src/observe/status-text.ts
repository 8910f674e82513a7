import type { GroupStatus } from "../core/status.ts";
import { CONDITIONS, countConditions, type JudgedGroup, worstFirst } from "./status-judgement.ts";
import { countPeers, peersText } from "./status-peers.ts";
import type { StatusReport } from "./status-report.ts";
import { orderWords, printable, sinceWords } from "./status-words.ts";

/** A longer name pushes its own line to the right instead of everybody's. */
const MAX_NAME_CHARS = 40;

/** Before a text that is wrapped there is room for so many characters at least. */
const MIN_TEXT_CHARS = 16;

const CONDITION_CHARS = Math.max(...CONDITIONS.map((condition) => condition.length));
const HEALTH_CHARS = "unseen".length;

/** The report for a person at a terminal that is `width` columns wide: the worst first, nothing cut off. */
export function statusText(report: StatusReport, width: number): string {
  if (report.peers !== undefined) {
    const since = `confd-haproxy ${report.version}, rendering since ${sinceWords(report.startedMs, report.nowMs)}`;
    return [since, countPeers(report.peers), "", ...peersText(report.peers)].join("\n");
  }
  const groups = worstFirst(report.judged);
  const nameChars = widestName(report.judged);
  const head = [
    ...wrapped(
      "",
      `confd-haproxy ${report.version}, checking since ${sinceWords(report.startedMs, report.nowMs)}`,
      width,
    ),
    ...wrapped("", `${countConditions(report.judged)}    (> is published)`, width),
  ];
  const blocks = groups.map((judged) => groupLines(judged, { nameChars, width }));
  return `${[head, ...blocks].map((lines) => `${lines.join("\n")}\n`).join("\n")}`;
}

interface Layout {
  readonly nameChars: number;
  readonly width: number;
}

function groupLines({ group, judgement }: JudgedGroup, { nameChars, width }: Layout): readonly string[] {
  const condition = judgement.condition.toUpperCase().padEnd(CONDITION_CHARS);
  const indent = " ".repeat(CONDITION_CHARS);
  return [
    ...wrapped(`${condition}  `, `${group.kind} ${group.tag}${roleWords(group)}: ${judgement.words}`, width),
    ...group.orders.flatMap((order) => wrapped(`${indent}  ! `, orderWords(order), width)),
    ...group.servers.flatMap(({ name, health, published, reason }) => {
      const mark = published ? ">" : " ";
      const columns = `${indent}  ${mark} ${printable(name).padEnd(nameChars)}  ${health.padEnd(HEALTH_CHARS)}  `;
      return wrapped(columns, reason, width);
    }),
  ];
}

/** ` (leader)` or ` (follower)` with `--ha`, else nothing. */
export function roleWords({ leader }: GroupStatus): string {
  if (leader === undefined) return "";
  return leader ? " (leader)" : " (follower)";
}

function widestName(judged: readonly JudgedGroup[]): number {
  let widest = 0;
  for (const { group } of judged) for (const { name } of group.servers) widest = Math.max(widest, name.length);
  return Math.min(widest, MAX_NAME_CHARS);
}

/** `text` behind `before`, broken at blanks; what follows stands below its first word. */
function wrapped(before: string, text: string, width: number): readonly string[] {
  const room = Math.max(MIN_TEXT_CHARS, width - before.length);
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(" ")) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  const indent = " ".repeat(before.length);
  return lines.map((each, i) => `${i === 0 ? before : indent}${each}`.trimEnd());
}
