import type { Pair } from "../core/store.ts";
import { changedWindow } from "./consul-delta.ts";
import { invalidAnswer } from "./consul-errors.ts";

/** What a prefix holds after an answer was read. */
export interface Decoded {
  /** Sorted by key, folder markers left out. A pair that did not change is the same object as before. */
  readonly pairs: readonly Pair[];
  /** Another number whenever some key or value is another one than before; an index alone changes nothing. */
  readonly revision: number;
  /** The session that holds a key, "" when none does; undefined when there is no such key. */
  holderOf(key: string): string | undefined;
}

/** Reads one prefix's answers one after the other and remembers the last, to do only what changed. */
export interface Decoder {
  /** Throws E_STORE_INVALID for anything but an array of Consul's pairs; what it remembers then stays. */
  decode(body: Buffer): Decoded;
}

/** One element of Consul's answer (HTTP API, "Read Key"); the fields we do not need are left out. */
interface RawPair {
  readonly Key: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
  /** Missing while no session holds it. */
  readonly Session?: string;
}

/** A pair and what it was made from. Folder markers are kept too: they take part in finding positions. */
interface Item {
  readonly pair: Pair;
  readonly raw: string;
  readonly modifyIndex: number;
  readonly holder: string;
}

interface Memory {
  readonly body: Buffer;
  readonly items: readonly Item[];
  readonly decoded: Decoded;
}

/** Creates a decoder that has seen nothing. */
export function createDecoder(): Decoder {
  let memory: Memory = {
    body: Buffer.alloc(0),
    items: [],
    decoded: { pairs: [], revision: 0, holderOf: () => undefined },
  };
  return {
    decode(body) {
      if (body.equals(memory.body)) return memory.decoded;
      const items = partial(memory, body) ?? merge(memory.items, parse(body.toString("utf8")));
      const pairs = items.filter(isNotMarker).map((item) => item.pair);
      const same = sameContent(memory.decoded.pairs, pairs);
      const revision = memory.decoded.revision + (same ? 0 : 1);
      const holderOf = (key: string) => items[positionOf(items, key)]?.holder;
      memory = { body, items, decoded: { pairs, revision, holderOf } };
      return memory.decoded;
    },
  };
}

/**
 * The items when only the window that differs is parsed, or undefined when anything is not as expected: the
 * old window's elements must be found as one run in what we remember, and the keys must stay in order.
 */
function partial({ body: previous, items }: Memory, next: Buffer): readonly Item[] | undefined {
  const window = changedWindow(previous, next);
  if (window === undefined) return undefined;
  const before = parseWindow(previous, window.start, window.previousEnd);
  const after = parseWindow(next, window.start, window.nextEnd);
  const first = before?.[0];
  if (before === undefined || after === undefined || first === undefined) return undefined;
  const from = positionOf(items, first.Key);
  const to = from + before.length;
  if (from === -1 || !before.every((raw, i) => isSame(items[from + i], raw))) return undefined;
  const merged = merge(items.slice(from, to), after);
  const inOrder = isSorted([...items.slice(Math.max(0, from - 1), from), ...merged, ...items.slice(to, to + 1)]);
  return inOrder ? [...items.slice(0, from), ...merged, ...items.slice(to)] : undefined;
}

function parseWindow(body: Buffer, start: number, end: number): readonly RawPair[] | undefined {
  try {
    return parse(`[${body.toString("utf8", start, end)}]`);
  } catch {
    // The full parse comes next and reports what is wrong, if something is.
    return undefined;
  }
}

/** Makes items of an answer, sorted by key; those that `old` (sorted too) has already are taken from there. */
function merge(old: readonly Item[], raws: readonly RawPair[]): readonly Item[] {
  let at = 0;
  const items = raws.map((raw) => {
    while (at < old.length && (old[at] as Item).pair.key < raw.Key) at += 1;
    return toItem(raw, old[at]);
  });
  return isSorted(items) ? items : items.sort(byKey);
}

function toItem(raw: RawPair, old: Item | undefined): Item {
  if (old !== undefined && isSame(old, raw)) return old;
  const text = raw.Value ?? "";
  const sameValue = old !== undefined && old.pair.key === raw.Key && old.raw === text;
  const value = sameValue ? old.pair.value : Buffer.from(text, "base64").toString("utf8");
  const pair = { key: raw.Key, value, index: String(raw.ModifyIndex) };
  return { pair, raw: text, modifyIndex: raw.ModifyIndex, holder: raw.Session ?? "" };
}

function isSame(item: Item | undefined, raw: RawPair): boolean {
  return (
    item !== undefined &&
    item.modifyIndex === raw.ModifyIndex &&
    item.pair.key === raw.Key &&
    item.raw === (raw.Value ?? "")
  );
}

function parse(text: string): readonly RawPair[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // JSON.parse quotes what it read in its message: a value may be there, so the cause is left out.
    throw invalidAnswer(error instanceof SyntaxError ? "is not JSON" : "cannot be read");
  }
  if (!Array.isArray(json)) throw invalidAnswer("is not a list of keys");
  if (!json.every(isRawPair)) throw invalidAnswer("has an element that is not a key with its value");
  return json;
}

function isRawPair(json: unknown): json is RawPair {
  if (typeof json !== "object" || json === null) return false;
  const { Key, Value, ModifyIndex, Session } = json as Partial<Record<string, unknown>>;
  const held = Session === undefined || typeof Session === "string";
  const filled = typeof Value === "string" || Value === null;
  return typeof Key === "string" && filled && held && Number.isSafeInteger(ModifyIndex);
}

function isNotMarker({ pair }: Item): boolean {
  return !pair.key.endsWith("/");
}

function byKey(a: Item, b: Item): number {
  return a.pair.key < b.pair.key ? -1 : a.pair.key > b.pair.key ? 1 : 0;
}

function isSorted(items: readonly Item[]): boolean {
  for (let i = 1; i < items.length; i++) {
    if ((items[i - 1] as Item).pair.key >= (items[i] as Item).pair.key) return false;
  }
  return true;
}

function positionOf(items: readonly Item[], key: string): number {
  let low = 0;
  let high = items.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const at = (items[middle] as Item).pair.key;
    if (at === key) return middle;
    if (at < key) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function sameContent(a: readonly Pair[], b: readonly Pair[]): boolean {
  return a.length === b.length && a.every((pair, i) => pair === b[i] || sameText(pair, b[i] as Pair));
}

function sameText(a: Pair, b: Pair): boolean {
  return a.key === b.key && a.value === b.value;
}
