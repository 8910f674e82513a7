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
  const seen = new WeakMap<Pair, Pair>();
  const cut = resource.prefix === "" ? 0 : resource.prefix.length + 1;
  const strip = (pair: Pair): Pair => {
    const known = seen.get(pair);
    if (known !== undefined) return known;
    const stripped = { key: `/${pair.key.slice(cut)}`, value: pair.value, index: pair.index };
    seen.set(pair, stripped);
    return stripped;
  };
  return {
    pairs(snapshots) {
      const parts: (readonly Pair[])[] = [];
      for (const key of resource.keys) {
        const snapshot = snapshots.get(key);
        if (snapshot === undefined) return undefined;
        parts.push(snapshot.pairs);
      }
      return merge(parts).map(strip);
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
