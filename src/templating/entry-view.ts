import { type Entry, type EntryServer, isName, parseEntry } from "../core/entry.ts";
import type { Pair } from "../core/store.ts";

/** One server of an entry as a template sees it. */
export interface ServerView extends EntryServer {
  /** Host and port as HAProxy writes them, an IPv6 host in brackets. */
  readonly address: string;
  /** Whether it is the entry's first choice. */
  readonly first: boolean;
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

/** Reads the value of a pair as an entry. */
export function readEntry({ key, value }: Pair): ReadEntry {
  const [kind, tag] = key.split("/").slice(-2);
  if (!isName(kind) || !isName(tag)) {
    return {
      warning: `${JSON.stringify(key)} is left out: the last two parts of the key must be names, a kind and a tag`,
    };
  }
  const result = parseEntry(value);
  if ("problem" in result) return { warning: `${key} is left out: ${result.problem}` };
  const { entry } = result;
  const count = entry.servers?.length ?? 1;
  const servers = serverViews(entry);
  // Written into the parsed object itself, which is ours: a copy by spread costs as much as all the rest.
  const view = Object.assign(entry, { key, kind, tag, servers });
  const twice = servers.length === count ? undefined : `${key} names a server twice`;
  return twice === undefined ? { view } : { view, warning: twice };
}

/** The servers in one form, the first one first, each once. */
function serverViews(entry: Entry): readonly ServerView[] {
  if (entry.servers === undefined) return [serverView({ host: entry.host, port: entry.port }, true)];
  const views = new Map<string, ServerView>();
  for (const server of entry.servers) {
    const view = serverView(server, views.size === 0);
    if (!views.has(view.address)) views.set(view.address, view);
  }
  return [...views.values()];
}

function serverView({ host, port, weight, backup }: EntryServer, first: boolean): ServerView {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const view = { host, port, address, first, backup: backup === true };
  return weight === undefined ? view : Object.assign(view, { weight });
}
