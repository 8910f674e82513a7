/** One HAProxy of those that share a stick table: what is kept under {@link PEERS_PREFIX}, and a line of a `peers` section. */
export interface Peer {
  /** Its identity: the name behind `peer` in the section, and of its key. HAProxy's `-L`, else its host name. */
  readonly name: string;
  /** Where the others reach its peers protocol. */
  readonly host: string;
  readonly port: number;
  /** Its runtime socket, for who asks all of them: `host:port`, or a path on this machine. Undefined: it is not told. */
  readonly socket: string | undefined;
}

/** Where HAProxies announce themselves, one key each: `haproxy/peers/<name>`. They are no entries of a service. */
export const PEERS_PREFIX = "haproxy/peers/";

/** `[peers]` of a template resource. */
export interface PeersSettings {
  /** The name of this machine's HAProxy, which must be in the rendered section. Undefined: HAProxy's `-L`, else the host name. */
  readonly local: string | undefined;
  /** How this machine's HAProxy is announced in the store while `render` watches; undefined: it is not. */
  readonly announce: Omit<Peer, "name"> | undefined;
  /** Those that are known without the store: a fixed list, or a pattern such as `haproxy-{0..2}`, spelled out. */
  readonly members: readonly Peer[];
  /** The file that says how many the pattern stands for, and what was in it; undefined: none does. */
  readonly instancesFile: { readonly path: string; readonly text: string } | undefined;
  /** The stick table that they share, as the section that has it is named; undefined: the only one that has `peers`. */
  readonly table: string | undefined;
}

/** What a configuration says of peers. */
export interface PeersInFile {
  /** `localpeer` in `global`: HAProxy's name for itself, unless `-L` says another. */
  readonly localPeer: string | undefined;
  readonly sections: readonly PeersSection[];
}

/** One `peers` section. */
export interface PeersSection {
  readonly name: string;
  /** It stands inside of `.if`: HAProxy may not see it. */
  readonly isConditional: boolean;
  /** The names of its peers, as far as they are written out, those inside of `.if` too. */
  readonly peers: readonly string[];
  /** A peer is called `$HAPROXY_LOCALPEER`, which is the local one by its nature. */
  readonly hasLocal: boolean;
  /** A name depends on another variable of HAProxy's environment. */
  readonly hasUnknown: boolean;
}

/** Whether a key, of the store or as a template sees it, is that of an announced HAProxy and therefore no entry. */
export function isPeerKey(key: string): boolean {
  return PEER_KEY.test(key);
}

/** A prefix may stand in front of it. */
const PEER_KEY = /(?:^|\/)haproxy\/peers\/[^/]+$/;

/** Its key below the prefix of a resource, without a leading slash. */
export function peerKey(prefix: string, name: string): string {
  return `${prefix === "" ? "" : `${prefix}/`}${PEERS_PREFIX}${name}`;
}

/** The value of its key. */
export function printPeer({ name, host, port, socket }: Peer): string {
  return JSON.stringify({ name, host, port, ...(socket === undefined ? {} : { socket }) });
}
