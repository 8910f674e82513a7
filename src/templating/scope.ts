import { AppError } from "../core/errors.ts";
import type { Pair } from "../core/store.ts";
import type { Escape, Missing, TemplateInput } from "../core/template-engine.ts";
import { type Claims, createClaims } from "./claims.ts";
import { lookupProperty } from "./container.ts";
import type { PairMemory, PairView } from "./pair-memory.ts";
import type { Where } from "./template-error.ts";

/** One render: what its helpers read, and what they have to report. */
export interface Scope {
  readonly escaping: Escape;
  readonly missing: Missing;
  readonly pairs: readonly Pair[];
  readonly memory: PairMemory;
  readonly warnings: Set<string>;
  readonly claims: Claims;
  /** The files that `include` is inside of, to see one that includes itself. */
  readonly including: string[];
  /** The pair at this key; confd's users write keys with or without the leading slash. */
  find(key: string): PairView | undefined;
}

/** The state of one render. */
export function createScope(input: TemplateInput, escaping: Escape, memory: PairMemory): Scope {
  memory.prepare(input.pairs);
  let index: Map<string, Pair> | undefined;
  return {
    escaping,
    missing: input.missing,
    pairs: input.pairs,
    memory,
    warnings: new Set(),
    claims: createClaims(),
    including: [],
    find(key) {
      index ??= new Map(input.pairs.map((pair) => [pair.key, pair]));
      const pair = index.get(key.startsWith("/") ? key : `/${key}`);
      return pair === undefined ? undefined : memory.view(pair);
    },
  };
}

/** What a lookup without a default comes to when there is no such key: nothing, or E_MISSING_KEY. */
export function missingKey(key: string, where: Where, missing: Missing): undefined {
  if (missing === "default") return undefined;
  throw new AppError("E_MISSING_KEY", `${where}: there is no key ${key}`, {
    hint: `Write the key, or give a default as in {{getv "${key}" "default"}}.`,
  });
}

/** The key of the pair that a text comes from, for messages: its whole value, a string in its JSON, or a part of it. */
export function keyOf(text: string, context: unknown, pairs: readonly Pair[]): string | undefined {
  const key = lookupProperty(context, "key");
  if (typeof key === "string" && pairs.some((pair) => pair.key === key)) return key;
  const whole = pairs.find(({ value }) => value === text || hasString(value, text));
  return (whole ?? pairs.find(({ value }) => value.includes(text)))?.key;
}

function hasString(json: string, text: string): boolean {
  let found = false;
  try {
    JSON.parse(json, (name, value: unknown) => {
      found ||= name === text || value === text;
      return value;
    });
  } catch {
    return false;
  }
  return found;
}
