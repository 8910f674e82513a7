/** A server as HAProxy's runtime commands name it: `backend/server`. */
export interface ServerRef {
  readonly backend: string;
  readonly server: string;
}

/** One runtime command with what HAProxy answers to it when it has done it. */
export interface RuntimeStep {
  /** Without its line end: `set server slave3301/slave3301-mysql addr 10.0.21.7 port 3301`. */
  readonly command: string;
  readonly about: ServerRef;
  /** Whether this answer, without the blanks at its ends, says that it is done; any other answer means it is not. */
  readonly isDone: (reply: string) => boolean;
  /** Brings back what was before; undefined where nothing does. */
  readonly undo: string | undefined;
  /**
   * Not before the server has no session and no idle connection left. HAProxy's own test for that had holes until early
   * 2024 (2.6.12 may crash), so `show sess` must have been seen without the server.
   */
  readonly waitsForSessions?: true;
}

/** What it takes to bring an HAProxy that runs one file to another. */
export type Difference =
  | { readonly how: "nothing" }
  | {
      readonly how: "runtime";
      /** In the order in which they must be given. */
      readonly steps: readonly RuntimeStep[];
      /** Nothing but addresses and ports of servers that exist: such a change cannot make the file invalid. */
      readonly addressesOnly: boolean;
      /** Servers whose sessions now go to a place that is theirs no longer: another address, or removed. */
      readonly replaced: readonly ServerRef[];
    }
  | {
      readonly how: "reload";
      /** In words, each naming the line. */
      readonly because: readonly string[];
      readonly replaced: readonly ServerRef[];
    };

/** What the HAProxy that runs can do, as far as a plan depends on it. */
export interface HaproxyFacts {
  /** `[2, 6]` */
  readonly version: readonly [major: number, minor: number];
}

/** What a configuration says of one server, with `default-server` taken in; what cannot be told is undefined. */
export interface ConfiguredServer extends ServerRef {
  /** As `show servers state` would show it; undefined for a name, a socket, or what a variable decides. */
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** 0 to 256; 1 when nothing is said. */
  readonly weight: number | undefined;
  readonly disabled: boolean;
  readonly hasAgent: boolean;
  readonly hasCheck: boolean;
}
