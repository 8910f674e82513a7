import { type Entry, type EntryServer, parseEntry } from "../core/entry.ts";
import type { Pair } from "../core/store.ts";

/** A pair as a template sees it; confd's names for the fields work too. */
export interface PairView {
  readonly key: string;
  readonly value: string;
  readonly Key: string;
  readonly Value: string;
}

/** One server of an entry as a template sees it. */
export interface ServerView extends EntryServer {
  /** Host and port as HAProxy writes them, an IPv6 host in brackets. */
  readonly address: string;
  /** Whether it is the entry's first choice. */
  readonly first: boolean;
  /** Empty for the first choice; `-host:port` for the others, so that a server's name stays its own. */
  readonly suffix: string;
  readonly backup: boolean;
}

/** An entry as a template sees it: all its fields, where it comes from, and its servers in one form. */
export interface EntryView extends Entry {
  readonly key: string;
  readonly kind: string;
  readonly tag: string;
  readonly servers: readonly ServerView[];
}

/** The entry, and what about it deserves a warning; without the entry the warning says why there is none. */
export interface ReadEntry {
  readonly view?: EntryView;
  readonly warning?: string;
}

/** Remembers what was made of a pair for as long as the store keeps the pair, so that a render costs what changed. */
export interface PairMemory {
  view(pair: Pair): PairView;
  entry(pair: Pair): ReadEntry;
  /** The parsed value of a pair that a template got from {@link PairMemory.view}; undefined for any other object. */
  json(view: unknown, text: string): ParsedJson | undefined;
}

/** Parsed JSON, or nothing when it is none. */
export interface ParsedJson {
  readonly value?: unknown;
}

interface Remembered {
  readonly view: PairView;
  entry?: ReadEntry;
  json?: ParsedJson;
}

/** A memory for one engine. */
export function createPairMemory(): PairMemory {
  const byPair = new WeakMap<Pair, Remembered>();
  const byView = new WeakMap<object, Remembered>();
  const remember = (pair: Pair): Remembered => {
    let known = byPair.get(pair);
    if (known === undefined) {
      const { key, value } = pair;
      known = { view: { key, value, Key: key, Value: value } };
      byPair.set(pair, known);
      byView.set(known.view, known);
    }
    return known;
  };
  return {
    view: (pair) => remember(pair).view,
    entry(pair) {
      const known = remember(pair);
      known.entry ??= readEntry(pair);
      return known.entry;
    },
    json(view, text) {
      const known = typeof view === "object" && view !== null ? byView.get(view) : undefined;
      if (known === undefined || known.view.value !== text) return undefined;
      known.json ??= parseJson(text);
      return known.json;
    },
  };
}

/** Parses what may not be JSON. */
export function parseJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return {};
  }
}

function readEntry({ key, value }: Pair): ReadEntry {
  const result = parseEntry(value);
  if ("problem" in result) return { warning: `${key} is left out: ${result.problem}` };
  const { entry } = result;
  const [kind, tag] = key.split("/").slice(-2);
  const seen = new Set<string>();
  const servers: ServerView[] = [];
  let warning: string | undefined;
  for (const server of entry.servers ?? [{ host: entry.host, port: entry.port }]) {
    const view = serverView(server, servers.length === 0);
    if (seen.has(view.address)) warning = `${key} names the server ${view.address} twice`;
    else servers.push(view);
    seen.add(view.address);
  }
  const view = { ...entry, key, kind: kind ?? "", tag: tag ?? "", servers };
  return warning === undefined ? { view } : { view, warning };
}

function serverView(server: EntryServer, first: boolean): ServerView {
  const { host, port } = server;
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const suffix = first ? "" : `-${host}:${port}`;
  return { ...server, address, first, suffix, backup: server.backup === true };
}
