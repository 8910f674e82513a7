import type { StandingOrder } from "../core/status.ts";

/**
 * Names and reasons come from strangers. What would move a cursor, colour a terminal or turn the order of letters
 * round is shown as its number: C0, DEL, C1, zero-width and bidirectional controls, line separators.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Makes what cannot be seen visible, on one line. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** {@link printable}, and safe in HTML text and in quoted attributes. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

/** An order by hand: `maint of 10.0.0.5:3301: new disk (eva), until 2026-01-01 03:00:00 UTC`. */
export function orderWords({ server, order }: StandingOrder): string {
  const { state, reason, by, untilMs } = order;
  const whom = server === undefined ? "all its servers" : server;
  const why = reason === undefined ? "" : `: ${reason}`;
  const who = by === undefined ? "" : ` (${by})`;
  return `${state} of ${whom}${why}${who}${untilMs === undefined ? "" : `, until ${utcWords(untilMs)}`}`;
}

/** Since when, for people: `2026-01-01 00:00:00 UTC (3 h 12 min)`. */
export function sinceWords(startedMs: number, nowMs: number): string {
  return `${utcWords(startedMs)} (${ageWords(nowMs - startedMs)})`;
}

function utcWords(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Two units at the most: `12 s`, `5 min 3 s`, `3 h 12 min`, `9 d 4 h`. */
function ageWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}
