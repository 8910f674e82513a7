import { loadResources } from "../config/resources.ts";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { peerKey } from "../core/peers.ts";
import type { TemplateResource } from "../core/resource.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { openStore } from "../stores/open.ts";

/** What the user asks. */
export interface PeersRequest extends ResourceRequest {
  /** Runtime sockets that were named: with them nothing else is read. */
  readonly sockets: readonly string[];
  readonly resource: string | undefined;
  readonly confdir: string;
  readonly prefix: string;
}

/** What is asked of one resource. */
export interface ResourceRequest {
  readonly table: string | undefined;
  readonly backend: string | undefined;
  /** How long each HAProxy, and the store, may take, ms. */
  readonly timeoutMs: number;
  readonly store: StoreOptions;
}

/** One way to an HAProxy. */
export interface PeersPlace {
  /** Its runtime socket. */
  readonly address: string;
  readonly masterSocket: string | undefined;
  /** As the peers call it; undefined where that is for HAProxy to tell. */
  readonly knownAs: string | undefined;
}

/** Whom to ask, and for what. */
export interface PeersScope {
  readonly resource: string | undefined;
  readonly places: readonly PeersPlace[];
  /** Names without a socket. */
  readonly unasked: readonly string[];
  readonly table: string | undefined;
  readonly backend: string | undefined;
  readonly doubts: readonly string[];
  readonly timeoutMs: number;
}

/** What asking takes. */
export interface PeersWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/**
 * The HAProxies of a resource: those of `[haproxy]`, the members of `[peers]`, and those in the store where the template
 * reads them there; or the sockets that were named. A store that does not answer is a doubt. Throws E_CONFIG, E_USAGE.
 */
export async function findPlaces(request: PeersRequest, world: PeersWorld): Promise<PeersScope> {
  const { table, backend, timeoutMs } = request;
  if (request.sockets.length > 0) {
    const places = request.sockets.map((address) => ({ address, masterSocket: undefined, knownAs: undefined }));
    return { backend, timeoutMs, resource: undefined, places, unasked: [], table, doubts: [] };
  }
  return placesOfResource(pickResource(request), request, world);
}

/** The HAProxies of this resource, as {@link findPlaces}. */
export async function placesOfResource(
  resource: TemplateResource,
  request: ResourceRequest,
  world: PeersWorld,
): Promise<PeersScope> {
  const { table, backend, timeoutMs } = request;
  const { announced, doubts } = await readAnnounced(resource, request, world);
  const known = new Map([...(resource.peers?.members ?? []), ...announced].map((peer) => [peer.name, peer]));
  const places = placesOf(resource, [...known.values()]);
  if (places.length === 0 && doubts.length === 0) throw noSocket(resource);
  return {
    ...{ backend, timeoutMs },
    resource: resource.name,
    places,
    unasked: [...known.values()].filter(({ socket }) => socket === undefined).map(({ name }) => name),
    table: table ?? resource.peers?.table,
    doubts,
  };
}

function pickResource({ confdir, prefix, resource: name }: PeersRequest): TemplateResource {
  const loaded = loadResources(confdir, { prefix, ...(name === undefined ? {} : { only: name }) });
  const named = loaded.find((one) => one.name === name);
  if (named !== undefined) return named;
  const [first, ...others] = loaded.filter(({ peers }) => peers !== undefined);
  if (first === undefined) {
    throw new AppError("E_USAGE", `no template resource of ${confdir} has [peers]`, {
      hint: "name one with --resource, or the runtime sockets with --socket",
    });
  }
  if (others.length === 0) return first;
  const names = [first, ...others].map((one) => one.name).join(", ");
  throw new AppError("E_USAGE", `several template resources of ${confdir} have [peers]`, {
    hint: `name one with --resource: ${names}`,
  });
}

/** A peer of which a name is known, and perhaps where to ask it. */
interface KnownPeer {
  readonly name: string;
  readonly socket: string | undefined;
}

function placesOf({ haproxy }: TemplateResource, peers: readonly KnownPeer[]): readonly PeersPlace[] {
  const own = (haproxy?.sockets ?? []).map((address, at) => ({
    address,
    masterSocket: haproxy?.masterSockets[at],
    knownAs: undefined,
  }));
  const others = peers.flatMap(({ name, socket }) =>
    socket === undefined ? [] : [{ address: socket, masterSocket: undefined, knownAs: name }],
  );
  return [...own, ...others];
}

function noSocket({ name }: TemplateResource): AppError {
  return new AppError("E_USAGE", `no runtime socket is known of any HAProxy of ${name}`, {
    hint: "socket in [haproxy] of the resource, socket_port in [peers], or --socket",
  });
}

async function readAnnounced(
  { keys, prefix }: TemplateResource,
  request: ResourceRequest,
  world: PeersWorld,
): Promise<{ readonly announced: readonly KnownPeer[]; readonly doubts: readonly string[] }> {
  const folder = peerKey(prefix, "");
  if (!keys.some((key) => folder.startsWith(key) || key.startsWith(folder))) return { announced: [], doubts: [] };
  try {
    return { announced: await listAnnounced(folder, request, world), doubts: [] };
  } catch (error) {
    world.stop.throwIfAborted();
    if (!(error instanceof AppError) || error.exitCode === 2) throw error;
    const doubt = `there may be other HAProxies, announced in the store, which cannot be asked: ${errorText(error)}`;
    return { announced: [], doubts: [doubt] };
  }
}

async function listAnnounced(
  folder: string,
  { store: options, timeoutMs }: ResourceRequest,
  world: PeersWorld,
): Promise<readonly KnownPeer[]> {
  const store = await openStore(options, world);
  const call: Call = { signal: world.stop, timeoutMs };
  try {
    const { pairs } = await store.list(folder, call);
    return pairs.flatMap(({ key, value }) => {
      const peer = readPeer(key.slice(folder.length), value);
      if (peer === undefined) world.logger.warn(`${key} is no announced HAProxy`, { store: store.name });
      return peer ?? [];
    });
  } finally {
    await store.close();
  }
}

/** The last part of the key is its name, as in the template; undefined for what is not JSON of an HAProxy. */
function readPeer(name: string, value: string): KnownPeer | undefined {
  try {
    const said = JSON.parse(value) as { readonly host?: unknown; readonly socket?: unknown } | null;
    if (typeof said?.host !== "string" || name === "" || name.includes("/")) return undefined;
    return { name, socket: typeof said.socket === "string" ? said.socket : undefined };
  } catch {
    return undefined;
  }
}
