import { AppError } from "../../src/core/errors.ts";
import { type JsonPath, parsePath, valueAt } from "./json-path.ts";

/** What takes something off the weight: all of `factor` when the value is at `full`, or above 0 without `full`. */
export interface Reduction {
  readonly name: string;
  readonly path: JsonPath;
  /** Part of the whole weight, 0-1. */
  readonly factor: number;
  /** The value that takes off all of `factor`; undefined: any value above 0 does. */
  readonly full: number | undefined;
}

/**
 * Reads `load:0.4` (a value from 0 to 1), `percent/100:0.7` (from 0 to 100), `swap>0:0.3` (all of it or nothing), several
 * with commas between them. Throws E_USAGE.
 */
export function parseReductions(text: string, what: string): readonly Reduction[] {
  return text.split(",").flatMap((word) => (word.trim() === "" ? [] : [parseReduction(word.trim(), what)]));
}

function parseReduction(word: string, what: string): Reduction {
  const parts = /^(?<name>[^:/>]+?)(?:\/(?<full>\d+(?:\.\d+)?)|(?<any>>0))?:(?<factor>\d+(?:\.\d+)?)$/.exec(
    word,
  )?.groups;
  const path = parsePath(parts?.["name"] ?? "");
  const factor = Number(parts?.["factor"]);
  const full = parts?.["any"] === undefined ? Number(parts?.["full"] ?? 1) : undefined;
  if (parts === undefined || path === undefined || !(factor >= 0 && factor <= 1) || full === 0) {
    throw new AppError("E_USAGE", `${what}: "${word}" is not understood`, {
      hint: "write path:factor for a value from 0 to 1, path/100:factor for percent, path>0:factor for all or nothing",
    });
  }
  return { name: String(parts["name"]), path, factor, full };
}

/** A server that is up keeps at least this part of its weight. */
const LEAST = 0.01;

/**
 * Percent of the whole weight, 1-100, cut to a whole number: what each reduction takes off, in their order, as the
 * DataWave agent computes it. What a JVM says that does not know its load, a value below 0 or `"NaN"`, takes off
 * nothing. Throws an Error that says which value is not there or is no number.
 */
export function weightOf(document: unknown, reductions: readonly Reduction[]): number {
  let weight = 1;
  for (const { name, path, factor, full } of reductions) {
    const value = valueAt(document, path);
    if (value === "NaN") continue;
    if (typeof value !== "number") throw new Error(`its ${name} is not a number`);
    const part = full === undefined ? Number(value > 0) : Math.min(1, Math.max(0, value) / full);
    weight -= part * factor;
  }
  return Math.trunc(Math.max(LEAST, weight) * 100);
}
