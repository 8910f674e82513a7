import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { TemplateResource } from "../core/resource.ts";
import type { Store } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { type AnnouncedPeer, announcePeer, type WantedPeer } from "../render/announce.ts";
import type { LocalPeer } from "../render/local-peer.ts";
import { openStore } from "../stores/open.ts";

/** A resource, and how its HAProxy is called. */
export interface LocalResource {
  readonly resource: TemplateResource;
  readonly localPeer: LocalPeer;
}

/** The HAProxies of this machine, kept in the store while `render` watches. */
export interface PeersAnnouncer {
  /**
   * From now on those of these resources that are to be announced, there. What is announced already is never away meanwhile;
   * what is not wanted any more goes while others work.
   */
  update(resources: readonly LocalResource[], options: StoreOptions): Promise<void>;
  /** Takes all of them away at once. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * With a store of its own, which outlives a SIGHUP: to close it would take the keys away, and every HAProxy that shares
 * the table would be reloaded for nothing.
 */
export function createPeersAnnouncer(world: { readonly clock: Clock; readonly logger: Logger }): PeersAnnouncer {
  const announced = new Map<string, AnnouncedPeer>();
  let open: { readonly store: Store; readonly options: string } | undefined;

  async function storeFor(options: StoreOptions): Promise<Store> {
    const text = JSON.stringify(options);
    if (open?.options === text) return open.store;
    void close();
    open = { store: await openStore(options, world), options: text };
    return open.store;
  }

  let ended = Promise.resolve();

  function close(): Promise<void> {
    const ending = [...announced.values()];
    announced.clear();
    const closing = open;
    open = undefined;
    ended = Promise.all([ended, ...ending.map((one) => one.end())]).then(() => closing?.store.close());
    return ended;
  }

  return {
    async update(resources, options) {
      const wanted = new Map(resources.flatMap(wantedPeer));
      if (wanted.size === 0) return void close();
      const store = await storeFor(options);
      for (const [name, peer] of wanted) {
        const known = announced.get(name);
        if (known === undefined) announced.set(name, announcePeer(peer, { ...world, store }));
        else known.want(peer);
      }
      const gone = [...announced].filter(([name]) => !wanted.has(name));
      for (const [name] of gone) announced.delete(name);
      ended = Promise.all([ended, ...gone.map(([, one]) => one.end())]).then(() => {});
    },
    close,
  };
}

function wantedPeer({ resource, localPeer }: LocalResource): readonly (readonly [string, WantedPeer])[] {
  const { name, prefix, peers } = resource;
  return peers?.announce === undefined ? [] : [[name, { prefix, place: peers.announce, local: localPeer }]];
}
