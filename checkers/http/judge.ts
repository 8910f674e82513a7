import type { Verdict } from "../../src/core/verdict.ts";
import type { HttpAnswer } from "../../src/lib/http-get.ts";
import { type JsonPath, valueAt } from "./json-path.ts";
import type { Statuses } from "./statuses.ts";
import { type Reduction, weightOf } from "./weight.ts";

/** What an answer means. */
export interface HttpRules {
  /** Codes that are neither of these mean down. */
  readonly up: Statuses;
  readonly drain: Statuses;
  readonly unknown: Statuses;
  /** Where the document has a word for its state; undefined: the code says all. */
  readonly statePath: JsonPath | undefined;
  readonly upWords: readonly string[];
  readonly drainWords: readonly string[];
  /** What a word that is in neither list means. */
  readonly otherWords: "down" | "unknown";
  readonly reductions: readonly Reduction[];
  readonly maxconnPath: JsonPath | undefined;
}

/** Judges an answer. Throws an Error, in words, for a document that does not say what it should. */
export function judge({ status, body }: HttpAnswer, rules: HttpRules): Verdict {
  const code = `it answers ${status}`;
  if (rules.unknown(status)) return { state: "unknown", reason: code };
  if (rules.drain(status)) return { state: "drain", reason: code };
  if (!rules.up(status)) return { state: "down", reason: code };
  const { statePath, reductions, maxconnPath } = rules;
  if (statePath === undefined && reductions.length === 0 && maxconnPath === undefined) {
    return { state: "up", reason: code };
  }
  const document = parse(body);
  return wordVerdict(document, rules) ?? { state: "up", reason: code, ...capacityOf(document, rules) };
}

/** Undefined: it is up as far as its word goes. */
function wordVerdict(
  document: unknown,
  { statePath, upWords, drainWords, otherWords }: HttpRules,
): Verdict | undefined {
  if (statePath === undefined) return undefined;
  const value = valueAt(document, statePath);
  if (typeof value !== "string" && typeof value !== "boolean")
    throw new Error(`its answer has no ${statePath.join(".")}`);
  const word = String(value).toLowerCase();
  if (upWords.includes(word)) return undefined;
  const reason = `it says "${word}"`;
  return drainWords.includes(word) ? { state: "drain", reason } : { state: otherWords, reason };
}

function capacityOf(
  document: unknown,
  { reductions, maxconnPath }: HttpRules,
): { readonly weightPercent?: number; readonly maxconn?: number } {
  const weight = reductions.length === 0 ? {} : { weightPercent: weightOf(document, reductions) };
  if (maxconnPath === undefined) return weight;
  const maxconn = valueAt(document, maxconnPath);
  if (!Number.isInteger(maxconn) || (maxconn as number) < 0)
    throw new Error(`its ${maxconnPath.join(".")} is no number`);
  return { ...weight, maxconn: maxconn as number };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Error("its answer is not JSON");
  }
}
