import type { Order } from "./order.ts";

/** That those who are held down are to be let go; each has another id. */
export interface Recovery {
  readonly id: string;
}

/** Longest reason and name that are kept, characters. */
const LONGEST_TEXT = 200;

/** With its zone: two machines need not agree on what a time without one means. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** The value under its key; times are in ISO 8601, for people. */
export function composeOrder({ state, reason, by, sinceMs, untilMs }: Order): string {
  return JSON.stringify({ state, reason, by, since: isoTime(sinceMs), until: isoTime(untilMs) });
}

/** Reads a value that anyone may have written; only `state` must be there. */
export function parseOrder(value: string): { readonly order: Order } | { readonly problem: string } {
  const json = parseObject(value);
  if (json === undefined) return { problem: "it is not a JSON object" };
  const { state } = json;
  if (state !== "maint" && state !== "drain") return { problem: '"state" must be "maint" or "drain"' };
  const sinceMs = parseTime(json["since"]);
  const untilMs = parseTime(json["until"]);
  if (sinceMs === null || untilMs === null) {
    return { problem: `"${sinceMs === null ? "since" : "until"}" must be a time with its zone, 2026-01-31T03:00:00Z` };
  }
  const [reason, by] = [json["reason"], json["by"]].map((text) =>
    typeof text === "string" ? oneLine(text) : undefined,
  );
  return { order: { state, reason, by, sinceMs, untilMs } };
}

/** Whether it ended by itself. */
export function isOver({ untilMs }: Order, wallMs: number): boolean {
  return untilMs !== undefined && untilMs <= wallMs;
}

/** The value under its key. */
export function composeRecovery({ id }: Recovery, by: string, atMs: number): string {
  return JSON.stringify({ id, by, at: isoTime(atMs) });
}

/** As {@link parseOrder}. */
export function parseRecovery(value: string): Recovery | { readonly problem: string } {
  const id = parseObject(value)?.["id"];
  if (typeof id !== "string" || id === "" || id.length > LONGEST_TEXT) return { problem: 'it has no "id"' };
  return { id };
}

/** What goes into an answer of one line, on a page and on a terminal; undefined for nothing printable. */
export function oneLine(text: string): string | undefined {
  const clean = text.replaceAll(/[\p{C}\p{Z}]+/gu, " ").trim();
  return clean === "" ? undefined : [...clean].slice(0, LONGEST_TEXT).join("");
}

function parseObject(value: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(value);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

function isoTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** null: it is not a time. */
function parseTime(value: unknown): number | null | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || !TIME.test(value)) return null;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}
