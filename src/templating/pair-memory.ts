import type { Pair } from "../core/store.ts";
import type { Admission } from "./claims.ts";
import { lookupProperty } from "./container.ts";
import { type ReadEntry, readEntry } from "./entry-view.ts";
import type { Where } from "./template-error.ts";

/** A pair as a template sees it; confd's names for the fields work too. */
export interface PairView {
  readonly key: string;
  readonly value: string;
  readonly Key: string;
  readonly Value: string;
}

/** Remembers from render to render what was made of a pair, as long as its value stays, so that a render costs what changed. */
export interface PairMemory {
  /** Called before each render: forgets when most of what is known are keys that are gone. */
  prepare(pairs: readonly Pair[]): void;
  view(pair: Pair): PairView;
  entry(pair: Pair): ReadEntry;
  /** The parsed value of a pair that a template got from {@link PairMemory.view}; undefined for any other object. */
  json(view: unknown, text: string): ParsedJson | undefined;
  /** What the last render made of the `entries` at each place of the template. */
  readonly admissions: Map<Where, Admission>;
}

/** Parsed JSON, or nothing when it is none. */
export interface ParsedJson {
  readonly value?: unknown;
}

interface Remembered {
  readonly view: PairView;
  entry: ReadEntry | undefined;
  json: ParsedJson | undefined;
}

/** Keys that are gone stay known up to this number, or up to the number of those that are there. */
const SPARE_KEYS = 1_000;

/** A memory for one template. By key and value, not by identity: a WeakMap of this size costs more in each collection. */
export function createPairMemory(): PairMemory {
  const byKey = new Map<string, Remembered>();
  const remember = (pair: Pair): Remembered => {
    const { key, value } = pair;
    const known = byKey.get(key);
    if (known !== undefined && known.view.value === value) return known;
    const fresh = { view: { key, value, Key: key, Value: value }, entry: undefined, json: undefined };
    byKey.set(key, fresh);
    return fresh;
  };
  return {
    admissions: new Map(),
    prepare: (pairs) => forgetIfCrowded(byKey, pairs.length),
    view: (pair) => remember(pair).view,
    entry(pair) {
      const known = remember(pair);
      known.entry ??= readEntry(pair);
      return known.entry;
    },
    json(view, text) {
      const key = lookupProperty(view, "key");
      const known = typeof key === "string" ? byKey.get(key) : undefined;
      if (known === undefined || known.view !== view || known.view.value !== text) return undefined;
      known.json ??= parseJson(text);
      return known.json;
    },
  };
}

/** Empties a memory by key that has grown to more than twice what is in use, plus {@link SPARE_KEYS}. */
export function forgetIfCrowded(memory: Map<string, unknown>, inUse: number): void {
  if (memory.size > 2 * inUse + SPARE_KEYS) memory.clear();
}

/** Parses what may not be JSON. */
export function parseJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return {};
  }
}
