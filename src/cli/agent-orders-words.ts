import type { Before, FiledOrder } from "../app/agent-orders.ts";
import { type OrderSubject, overlap, rankOf, subjectWords } from "../core/order-subject.ts";

/** What the words are about: one order, with all others of the store, at one moment. */
export interface OrderScene {
  readonly subject: OrderSubject;
  readonly others: readonly FiledOrder[];
  readonly nowMs: number;
}

/** `memcached/mem1: maint until 2026-01-31T03:00:00Z (in 30 min): disk swap, by eva@db1`. */
export function orderLine({ subject, order, isOver }: FiledOrder, nowMs: number): string {
  const { state, reason, by, sinceMs, untilMs } = order;
  const end = untilMs === undefined ? "until somebody says ready" : untilWords(untilMs, nowMs);
  const since = sinceMs === undefined ? "" : `, since ${iso(sinceMs)}`;
  const why = `${reason === undefined ? "" : `: ${reason}`}${by === undefined ? "" : `, by ${by}`}${since}`;
  return `${subjectWords(subject)}: ${isOver ? "over: " : ""}${state} ${end}${why}`;
}

/** What was there before, in place of which something else stands now. */
export function replacedLines(before: Before, nowMs: number): readonly string[] {
  if (before === undefined) return [];
  if ("problem" in before) return [`  in place of a value that no agent heeded: ${before.problem}`];
  return [`  in place of ${orderLine(before, nowMs)}`];
}

/** The orders about some of the same servers, and which of them counts. */
export function otherLines({ subject, others, nowMs }: OrderScene): readonly string[] {
  return inForceBeside(subject, others).map((filed) => {
    const isCloser = rankOf(filed.subject) > rankOf(subject);
    const which = isCloser
      ? "stronger, for it is closer to its servers"
      : "weaker, for it is wider, while this one is in force";
    return `  ${which}: ${orderLine(filed, nowMs)}`;
  });
}

/** The orders that still concern some of its servers. */
export function remainingLines({ subject, others, nowMs }: OrderScene): readonly string[] {
  return inForceBeside(subject, others).map((filed) => `  still in force: ${orderLine(filed, nowMs)}`);
}

function inForceBeside(subject: OrderSubject, others: readonly FiledOrder[]): readonly FiledOrder[] {
  const own = subjectWords(subject);
  return others.filter(
    (filed) => !filed.isOver && overlap(filed.subject, subject) && subjectWords(filed.subject) !== own,
  );
}

function untilWords(untilMs: number, nowMs: number): string {
  const isOver = untilMs <= nowMs;
  return `until ${iso(untilMs)} (${isOver ? `${span(nowMs - untilMs)} ago` : `in ${span(untilMs - nowMs)}`})`;
}

/** Whole seconds are enough for people. */
function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Two units at the most: `45 s`, `30 min`, `3 h 12 min`, `2 d 4 h`. */
function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 2) return `${Math.round(ms / 1_000)} s`;
  if (minutes < 120) return `${minutes} min`;
  if (minutes < 48 * 60) return joined([Math.floor(minutes / 60), "h"], [minutes % 60, "min"]);
  return joined([Math.floor(minutes / 1_440), "d"], [Math.floor((minutes % 1_440) / 60), "h"]);
}

function joined(...units: readonly (readonly [number, string])[]): string {
  return units.flatMap(([count, unit]) => (count === 0 ? [] : `${count} ${unit}`)).join(" ");
}
