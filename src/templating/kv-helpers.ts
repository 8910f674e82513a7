import { isPeerKey } from "../core/peers.ts";
import { lookupProperty } from "./container.ts";
import type { EntryView } from "./entry-view.ts";
import { type HelperCall, type Helpers, text, wrong } from "./helper.ts";
import { keyMatcher } from "./key-pattern.ts";
import { parseJson } from "./pair-memory.ts";
import { keyOf, missingKey } from "./scope.ts";

/** What reads the store: confd's functions, and `entries`. */
export const kvHelpers: Helpers = {
  exists: { params: "key", run: (call) => call.scope.find(text(call, 0)) !== undefined },
  get: { params: "key", run: (call) => call.scope.find(text(call, 0)) ?? missing(call) },
  getv: {
    params: "key [default]",
    run: (call) =>
      call.scope.find(text(call, 0))?.value ?? (call.args.length > 1 ? call.args[1] : (missing(call) ?? "")),
  },
  gets: { params: "pattern", run: (call) => matching(call, 0).map(call.scope.memory.view) },
  getvs: {
    params: "pattern",
    run: (call) =>
      matching(call, 0)
        .map((pair) => pair.value)
        .sort(),
  },
  ls: { params: "path", run: (call) => children(call, 1) },
  lsdir: { params: "path", run: (call) => children(call, 2) },
  entries: { params: "pattern [pattern]...", run: entries },
  json: { params: "text", run: (call) => json(call, "a JSON object", isObject) },
  jsonArray: { params: "text", run: (call) => json(call, "a JSON list", Array.isArray) },
  fromJson: { params: "text", run: (call) => json(call, "JSON", () => true) },
};

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function missing(call: HelperCall): undefined {
  return missingKey(text(call, 0), call.where, call.scope.missing);
}

function matching(call: HelperCall, index: number) {
  const pattern = text(call, index);
  try {
    return call.scope.pairs.filter(fits(pattern));
  } catch (error) {
    throw wrong(call, error instanceof Error ? error.message : "bad pattern", error);
  }
}

function fits(pattern: string): (pair: { readonly key: string }) => boolean {
  const matches = keyMatcher(pattern.startsWith("/") ? pattern : `/${pattern}`);
  return ({ key }) => matches(key);
}

/** Names one level below a path, sorted; with `depth` 2 only those that have something below them. */
function children(call: HelperCall, depth: 1 | 2): readonly string[] {
  const path = text(call, 0).replace(/^\/*/, "/").replace(/\/*$/, "");
  const names = new Set<string>();
  for (const { key } of call.scope.pairs) {
    if (depth === 1 && key === path) names.add(key.slice(key.lastIndexOf("/") + 1));
    if (!key.startsWith(`${path}/`)) continue;
    const parts = key.slice(path.length + 1).split("/", 2);
    if (parts.length >= depth && parts[0] !== undefined) names.add(parts[0]);
  }
  return [...names].sort();
}

/**
 * The valid entries under the patterns, sorted by key. Announced HAProxies are none. Left out, with a warning that names
 * the key: a value that is no entry, and one whose name or port an entry with an earlier key (or `taken`, for sections of the template's own) has.
 */
function entries(call: HelperCall): readonly EntryView[] {
  const { scope, hash, args, where } = call;
  const { claims, memory, warnings } = scope;
  for (const name of asList(hash["taken"])) claims.reserve(nameOrPort(name));
  const patterns = args.map((_, index) => matching(call, index));
  const pairs = patterns.length === 1 ? (patterns[0] ?? []) : [...new Set(patterns.flat())].sort(byKey);
  const candidates: EntryView[] = [];
  for (const pair of pairs) {
    if (isPeerKey(pair.key)) continue;
    const { view, warning } = memory.entry(pair);
    if (warning !== undefined) warnings.add(warning);
    if (view !== undefined) candidates.push(view);
  }
  const admission = claims.admit(candidates, memory.admissions.get(where));
  memory.admissions.set(where, admission);
  for (const warning of admission.warnings) warnings.add(warning);
  return admission.admitted;
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function nameOrPort(value: unknown): string | number {
  return typeof value === "number" || /^\d+$/.test(`${value}`) ? Number(value) : `${value}`;
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : 1;
}

/** A parsed value; one that is not what is wanted is a warning and nothing, so that `{{#with}}` passes over it. */
function json(call: HelperCall, wanted: string, isWanted: (value: unknown) => boolean): unknown {
  const [given] = call.args;
  if (given === undefined) return undefined;
  const isPair = typeof given === "object";
  const value = isPair ? lookupProperty(given, "value") : given;
  if (typeof value !== "string") throw wrong(call, "it takes a text or a pair");
  const parsed = call.scope.memory.json(isPair ? given : call.context, value) ?? parseJson(value);
  if ("value" in parsed && isWanted(parsed.value)) return parsed.value;
  const key = keyOf(value, call.context, call.scope.pairs);
  call.scope.warnings.add(`${key ?? call.where} is passed over: it is not ${wanted}`);
  return undefined;
}
