import { type Peer, peerKey, printPeer } from "../core/peers.ts";
import type { TemplateResource } from "../core/resource.ts";
import { ABSENT, type Pair, type Snapshot } from "../core/store.ts";

/** Turns the newest snapshots into what one resource's template sees. */
export interface View {
  /**
   * Undefined until every watched prefix of the resource has been read once. `own`: this machine's HAProxy, which is
   * there whatever the store says of it.
   */
  pairs(snapshots: ReadonlyMap<string, Snapshot>, own?: Peer): readonly Pair[] | undefined;
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
  const members = (resource.peers?.members ?? []).map(pairOf);
  let ownPair: Pair | undefined;

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

  /** As if the store had it. */
  function pairOf(peer: Peer): Pair {
    return { key: peerKey(resource.prefix, peer.name), value: printPeer(peer), index: ABSENT };
  }

  /** The same object as long as it says the same. */
  function pairOfOwn(own: Peer): Pair {
    const pair = pairOf(own);
    if (ownPair?.key !== pair.key || ownPair.value !== pair.value) ownPair = pair;
    return ownPair;
  }

  return {
    pairs(snapshots, own) {
      const parts: (readonly Pair[])[] = [];
      for (const key of resource.keys) {
        const snapshot = snapshots.get(key);
        if (snapshot === undefined) return undefined;
        parts.push(snapshot.pairs);
      }
      const [only] = parts;
      if (parts.length === 1 && only !== undefined && members.length === 0 && own === undefined) return show(only);
      return show(merge([members, ...parts, own === undefined ? [] : [pairOfOwn(own)]]));
    },
  };
}

/** One sorted list without doubles, of which the last one counts; overlapping prefixes bring the same key twice. */
function merge(parts: readonly (readonly Pair[])[]): readonly Pair[] {
  const byKey = new Map<string, Pair>();
  for (const part of parts) for (const pair of part) byKey.set(pair.key, pair);
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
