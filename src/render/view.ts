import type { TemplateResource } from "../core/resource.ts";
import type { Pair, Snapshot } from "../core/store.ts";

/** Turns the newest snapshots into what one resource's template sees. */
export interface View {
  /** Undefined until every watched prefix of the resource has been read once. */
  pairs(snapshots: ReadonlyMap<string, Snapshot>): readonly Pair[] | undefined;
}

/**
 * Merges a resource's prefixes, takes its prefix off the keys and puts the leading slash in front, as confd's
 * templates expect. A pair the store did not touch keeps its identity from render to render, so the
 * template engine can remember what it made of it.
 */
export function createView(resource: TemplateResource): View {
  const cut = resource.prefix === "" ? 0 : resource.prefix.length + 1;
  let lastSeen: readonly Pair[] = [];
  let lastShown: readonly Pair[] = [];

  /** Both lists are sorted by key, so one walk finds what was shown for a pair before; a map of 10,000 would cost more. */
  function show(pairs: readonly Pair[]): readonly Pair[] {
    let at = 0;
    const shown = pairs.map((pair) => {
      while (at < lastSeen.length && (lastSeen[at]?.key ?? "") < pair.key) at += 1;
      const before = lastSeen[at] === pair ? lastShown[at] : undefined;
      return before ?? { key: `/${pair.key.slice(cut)}`, value: pair.value, index: pair.index };
    });
    lastSeen = pairs;
    lastShown = shown;
    return shown;
  }

  return {
    pairs(snapshots) {
      const parts: (readonly Pair[])[] = [];
      for (const key of resource.keys) {
        const snapshot = snapshots.get(key);
        if (snapshot === undefined) return undefined;
        parts.push(snapshot.pairs);
      }
      return show(merge(parts));
    },
  };
}

/** One sorted list without doubles; overlapping prefixes bring the same key twice. */
function merge(parts: readonly (readonly Pair[])[]): readonly Pair[] {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const byKey = new Map<string, Pair>();
  for (const part of parts) for (const pair of part) byKey.set(pair.key, pair);
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
