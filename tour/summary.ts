import type { Journal } from "./journal.ts";
import type { Outcome } from "./scene.ts";
import { BUSY_MS } from "./stage.ts";

/** The columns of times are called as the timeline calls who it was. */
const HEADS = ["checkers", "entry", "haproxy", "client", "file", "lost"];

/** All scenes in one table, a line for each. */
export function summarize(journal: Journal, outcomes: readonly Outcome[]): void {
  const faults = ["ms since the fault", ...outcomes.map(({ from, scene }) => `${from.name} ${scene.fault}`)];
  const heirs = ["now serves", ...outcomes.map(({ to }) => to.name)];
  const cells = [HEADS, ...outcomes.map(cellsOf)];
  const [head = "", ...rows] = faults.map(
    (fault, at) => pad(fault, faults) + pad(heirs[at] ?? "", heirs) + (cells[at] ?? []).map(underHead).join("  "),
  );
  journal.line();
  journal.table([head, ...rows.flatMap((row, at) => [row, ...cueOf(outcomes[at])])]);
  journal.line(`
  checkers  are sure that the server is not well
  entry     names the other one
  haproxy   has the other one's address, by its runtime socket and without a reload
  client    has its first answer from the other one; it asks every ${BUSY_MS} ms
  file      is in place: haproxy.cfg, after haproxy -c accepted it
  lost      requests before that answer which got none`);
}

function pad(text: string, column: readonly string[]): string {
  return text.padEnd(Math.max(...column.map((cell) => cell.length)) + 2);
}

function underHead(cell: string, column: number): string {
  return cell.padStart(HEADS[column]?.length ?? 0);
}

function cellsOf(outcome: Outcome): string[] {
  const { noticedMs, writtenMs, appliedMs, answeredMs, inPlaceMs, unanswered } = outcome;
  return [noticedMs, writtenMs, appliedMs, answeredMs, inPlaceMs, unanswered].map((number) => number.toFixed(0));
}

function cueOf(outcome: Outcome | undefined): string[] {
  if (outcome?.scene.cue === undefined || outcome.cueMs === undefined) return [];
  const { cueMs, writtenMs } = outcome;
  return [
    `  ${cueMs.toFixed(0)} ms until ${outcome.scene.cue.said}; the entry ${(writtenMs - cueMs).toFixed(0)} ms later`,
  ];
}
