/** What the HAProxies that share a stick table say about the writer, at one moment. */
export interface PeersStatus {
  /** The template resource; undefined when sockets were named alone. */
  readonly resource: string | undefined;
  /** The stick table that remembers the writer; undefined when none of them has answered. */
  readonly table: string | undefined;
  /** Whose servers it remembers. */
  readonly backend: string | undefined;
  /** One for each process, whatever the number of ways to it. */
  readonly haproxies: readonly HaproxyPeers[];
  /** Peers that are known by name, and not where to ask them. */
  readonly unasked: readonly string[];
  /** What cannot be told of all of them, in words: the store does not answer. */
  readonly doubts: readonly string[];
  /** What is no trouble now and will be one, in words. */
  readonly warnings: readonly string[];
}

/** One of them. */
export interface HaproxyPeers {
  /** Its name among its peers, else its socket. */
  readonly name: string;
  /** The runtime sockets by which it was asked. */
  readonly sockets: readonly string[];
  /** Why nothing is known of it, in words. */
  readonly problem: string | undefined;
  /** The server that its table means; undefined: the table is empty, or names none that is there. */
  readonly active: string | undefined;
  /** What stands in the row, as HAProxy says it; undefined: there is no row. */
  readonly row: string | undefined;
  /** All servers of the backend. */
  readonly servers: readonly PeersServer[];
  /** The others in the `peers` section that shares the table; undefined: no section does. */
  readonly peers: readonly PeerLink[] | undefined;
}

/** A server as one HAProxy sees it. */
export interface PeersServer {
  readonly name: string;
  /** As HAProxy says it: `UP`, `DOWN`, `MAINT` … */
  readonly status: string;
  readonly isUp: boolean;
  readonly sessions: number;
}

/** Another HAProxy as one of them sees it. */
export interface PeerLink {
  readonly name: string;
  readonly isConnected: boolean;
  /** Why it is not, in words. */
  readonly why: string;
}

/** Whether all is as it should be, and if not what is not. */
export interface PeersVerdict {
  /** All have answered, have the same writer, which is up, and are connected with each other. */
  readonly isGood: boolean;
  /** All that could be asked have the same writer, or none. */
  readonly agrees: boolean;
  /** On whom they agree; undefined: they do not, or no client has come yet. */
  readonly active: string | undefined;
  /** In one line, for a person at night. */
  readonly summary: string;
  /** What is wrong beside the summary, one line each. */
  readonly troubles: readonly string[];
}

/** What was found when they were asked last. */
export interface PeersReading {
  readonly status: PeersStatus;
  readonly verdict: PeersVerdict;
}
