import { type BlockFunction, type HelperFunction, type HelperOptions, lookupProperty } from "./container.ts";
import { templateError } from "./template-error.ts";
import { isTruthy } from "./truth.ts";

/** How a helper of this file is read by its user, for the documentation. */
export const logicParams: Readonly<Record<string, string>> = {
  if: "value",
  unless: "value",
  each: "list",
  with: "value",
  lookup: "value key [key]...",
  eq: "a b",
  ne: "a b",
  lt: "a b",
  le: "a b",
  gt: "a b",
  ge: "a b",
  and: "value [value]...",
  or: "value [value]...",
  not: "value",
};

/**
 * Handlebars' own blocks, and comparison. A large file calls them for every line, so they are in the form that
 * compiled templates call directly. Each gets the options behind its arguments.
 */
export const logicHelpers: Readonly<Record<string, HelperFunction>> = {
  if(this: unknown, value: unknown, options: HelperOptions) {
    return (holds(value, options) ? options.fn : options.inverse)?.(this) ?? holds(value, options);
  },
  unless(this: unknown, value: unknown, options: HelperOptions) {
    return (holds(value, options) ? options.inverse : options.fn)?.(this) ?? !holds(value, options);
  },
  with(this: unknown, value: unknown, options: HelperOptions) {
    if (!isTruthy(value)) return options.inverse?.(this) ?? "";
    return options.fn?.(value, blockOptions(options.fn, options.data, [value])) ?? "";
  },
  each(this: unknown, value: unknown, options: HelperOptions) {
    const { fn, inverse } = options;
    if (fn === undefined) throw templateError(options.loc, "each is a block: {{#each list}}…{{/each}}");
    const text = Array.isArray(value) ? eachItem(value, fn, options.data) : eachField(value, fn, options.data);
    return text === undefined ? (inverse?.(this) ?? "") : text;
  },
  lookup: (value: unknown, ...keys: unknown[]) => keys.slice(0, -1).reduce(step, value),
  eq: (a: unknown, b: unknown) => a === b,
  ne: (a: unknown, b: unknown) => a !== b,
  lt: (a: unknown, b: unknown, options: HelperOptions) => compare(a, b, options) < 0,
  le: (a: unknown, b: unknown, options: HelperOptions) => compare(a, b, options) <= 0,
  gt: (a: unknown, b: unknown, options: HelperOptions) => compare(a, b, options) > 0,
  ge: (a: unknown, b: unknown, options: HelperOptions) => compare(a, b, options) >= 0,
  and: (...all: unknown[]) => all.slice(0, -1).find((value, i, { length }) => !isTruthy(value) || i === length - 1),
  or: (...all: unknown[]) => all.slice(0, -1).find((value, i, { length }) => isTruthy(value) || i === length - 1),
  not: (value: unknown) => !isTruthy(value),
};

/** Handlebars' `includeZero=true` makes 0 true, so that one can ask whether there is a number at all. */
function holds(value: unknown, { hash }: HelperOptions): boolean {
  return value === 0 ? hash["includeZero"] === true : isTruthy(value);
}

function step(value: unknown, key: unknown): unknown {
  return lookupProperty(value, `${key}`);
}

/** What `@index` and its like are looked up in; `@root` is handed on, `@../index` finds the parent's. */
function createFrame(data: Data) {
  return { root: data["root"], _parent: data, index: 0, key: 0 as number | string, first: true, last: false };
}

type Data = HelperOptions["data"];

function eachItem(items: readonly unknown[], fn: BlockFunction, data: Data): string | undefined {
  if (items.length === 0) return undefined;
  const frame = createFrame(data);
  const last = items.length - 1;
  let text = "";
  for (let i = 0; i <= last; i++) {
    frame.index = i;
    frame.key = i;
    frame.first = i === 0;
    frame.last = i === last;
    text += fn(items[i], blockOptions(fn, frame, [items[i], i]));
  }
  return text;
}

function eachField(value: unknown, fn: BlockFunction, data: Data): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = Object.entries(value);
  if (fields.length === 0) return undefined;
  const frame = createFrame(data);
  let text = "";
  for (const [i, [key, item]] of fields.entries()) {
    Object.assign(frame, { key, index: i, first: i === 0, last: i === fields.length - 1 });
    text += fn(item, blockOptions(fn, frame, [item, key]));
  }
  return text;
}

function blockOptions(fn: BlockFunction, data: Data, blockParams: readonly unknown[]) {
  return fn.blockParams === undefined ? { data } : { data, blockParams };
}

function compare(a: unknown, b: unknown, { name, loc }: HelperOptions): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : Number(a > b);
  throw templateError(loc, `${name} compares two numbers or two texts`, {
    hint: "Use atoi to make a number of a text.",
  });
}
