import type { Verdict, VerdictState } from "../../src/core/verdict.ts";
import type { HttpAnswer } from "../../src/lib/http-get.ts";
import { type JsonPath, valueAt } from "./json-path.ts";
import type { Statuses } from "./statuses.ts";
import { type Reduction, weightOf } from "./weight.ts";

/** What an answer means. */
export interface HttpRules {
  /** A code in several lists is unknown before it is drain, and drain before it is up; one in none is down. */
  readonly up: Statuses;
  readonly drain: Statuses;
  readonly unknown: Statuses;
  /** Where the document has a word for its state; undefined: the code says all. */
  readonly statePath: JsonPath | undefined;
  /** What that word means; it is given in lower case, without blanks around it. */
  readonly stateOf: (word: string) => VerdictState;
  readonly reductions: readonly Reduction[];
  readonly maxconnPath: JsonPath | undefined;
}

/** HAProxy reads it into 32 bits. */
const LARGEST_MAXCONN = 2 ** 31 - 1;

/** So much of a foreign word is shown. */
const LONGEST_WORD = 40;

/** Whether the body matters, and not the status code alone. */
export function readsDocument({ statePath, reductions, maxconnPath }: HttpRules): boolean {
  return statePath !== undefined || reductions.length > 0 || maxconnPath !== undefined;
}

/** Judges an answer. Throws an Error, in words, for a document that does not say what it should. */
export function judge({ status, body }: HttpAnswer, rules: HttpRules): Verdict {
  const reason = `it answers ${status}`;
  if (rules.unknown(status)) return { state: "unknown", reason };
  if (rules.drain(status)) return { state: "drain", reason };
  if (!rules.up(status)) return { state: "down", reason };
  if (!readsDocument(rules)) return { state: "up", reason };
  const document = parse(body);
  return wordVerdict(document, rules) ?? capacityVerdict(document, rules, reason);
}

/** Undefined: it is up as far as its word goes. */
function wordVerdict(document: unknown, { statePath, stateOf }: HttpRules): Verdict | undefined {
  if (statePath === undefined) return undefined;
  const value = valueAt(document, statePath);
  if (typeof value !== "string" && typeof value !== "boolean" && typeof value !== "number") {
    throw new Error(`its answer has no ${statePath.join(".")}`);
  }
  const word = String(value).trim();
  const state = stateOf(word.toLowerCase());
  return state === "up" ? undefined : { state, reason: `it says "${shown(word)}"` };
}

function capacityVerdict(document: unknown, { reductions, maxconnPath }: HttpRules, reason: string): Verdict {
  const weight = reductions.length === 0 ? {} : { weightPercent: weightOf(document, reductions) };
  if (maxconnPath === undefined) return { state: "up", reason, ...weight };
  const maxconn = valueAt(document, maxconnPath);
  const name = maxconnPath.join(".");
  if (typeof maxconn !== "number" || !Number.isInteger(maxconn) || maxconn < 0 || maxconn > LARGEST_MAXCONN) {
    throw new Error(`its ${name} is not a number of connections`);
  }
  // To HAProxy 0 would mean as many as you like.
  if (maxconn === 0) return { state: "drain", reason: `its ${name} is 0` };
  return { state: "up", reason, ...weight, maxconn };
}

function parse(body: string): unknown {
  try {
    // .NET likes to begin with a byte order mark
    return JSON.parse(body.replace(/^\uFEFF/, ""));
  } catch {
    throw new Error("its answer is not JSON");
  }
}

/** What a server says goes into a log line and into HAProxy's statistics. */
function shown(word: string): string {
  const line = word.replaceAll(/[^\x20-\x7e]+/g, " ");
  return line.length > LONGEST_WORD ? `${line.slice(0, LONGEST_WORD - 3)}...` : line;
}
