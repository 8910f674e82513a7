import { lookupProperty } from "./container.ts";
import { type HelperCall, type Helpers, list, record, text, wrong } from "./helper.ts";
import { isEmpty, isTruthy } from "./truth.ts";

/** Lists, objects, and choosing between values. */
export const collectionHelpers: Helpers = {
  list: { params: "[value]...", run: (call) => call.args },
  append: { params: "list value", run: (call) => [...list(call, 0), call.args[1]] },
  reverse: { params: "list", run: (call) => [...list(call, 0)].reverse() },
  sortByLength: { params: "list", run: (call) => sortedByLength(list(call, 0), String) },
  sortKVByLength: { params: "pairs", run: (call) => sortedByLength(list(call, 0), keyOfPair) },
  map: { params: "[name] [value]...", run: dict },
  dict: { params: "[name] [value]...", run: dict },
  hasKey: { params: "object name", run: (call) => Object.hasOwn(record(call, 0), text(call, 1)) },
  keys: { params: "object", run: (call) => Object.keys(record(call, 0)).sort() },
  values: { params: "object", run: (call) => sortedValues(record(call, 0)) },
  pluck: { params: "name object [object]...", run: pluck },
  len: { params: "value", run: length },
  default: { params: "default value", run: ({ args }) => (isEmpty(args[1]) ? args[0] : args[1]) },
  ternary: { params: "yes no condition", run: ({ args }) => (isTruthy(args[2]) ? args[0] : args[1]) },
  coalesce: { params: "value [value]...", run: ({ args }) => args.find((value) => !isEmpty(value)) },
  empty: { params: "value", run: ({ args }) => isEmpty(args[0]) },
};

function sortedByLength(items: readonly unknown[], textOf: (item: unknown) => string): readonly unknown[] {
  return [...items].sort((a, b) => textOf(a).length - textOf(b).length);
}

function keyOfPair(pair: unknown): string {
  return String(lookupProperty(pair, "key"));
}

/** `dict "a" 1 "b" 2`, or as Handlebars writes it: `dict a=1 b=2`. */
function dict(call: HelperCall): Readonly<Record<string, unknown>> {
  if (call.args.length % 2 !== 0) throw wrong(call, "there is a name without a value");
  const pairs: [string, unknown][] = [];
  for (let i = 0; i < call.args.length; i += 2) pairs.push([text(call, i), call.args[i + 1]]);
  return Object.fromEntries([...pairs, ...Object.entries(call.hash)]);
}

function sortedValues(object: Readonly<Record<string, unknown>>): readonly unknown[] {
  return Object.keys(object)
    .sort()
    .map((name) => object[name]);
}

function pluck(call: HelperCall): readonly unknown[] {
  const name = text(call, 0);
  const objects = call.args.slice(1).flat();
  return objects.map((object) => lookupProperty(object, name)).filter((value) => value !== undefined);
}

function length(call: HelperCall): number {
  const [value] = call.args;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.keys(value).length;
  return Array.isArray(value) ? value.length : text(call, 0).length;
}
