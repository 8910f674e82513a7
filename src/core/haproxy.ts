import type { Call } from "./call.ts";
import type { AppError } from "./errors.ts";

/** `[haproxy]` of a template resource: the HAProxies that read its dest, and how a change gets into them. */
export interface HaproxySettings {
  /** Runtime sockets, one for each HAProxy: `/path` or `host:port`. */
  readonly sockets: readonly string[];
  /** The master's socket of each, in the same order; empty where they have none. */
  readonly masterSockets: readonly string[];
  /** Whether changes that HAProxy can take while it runs are given to it so. */
  readonly apply: "runtime" | "reload";
  /** What becomes of the sessions of a server that is replaced by another, or taken away. */
  readonly onReplace: "keep" | "shutdown-sessions";
  /** Whether it is looked at what HAProxy has afterwards. */
  readonly verify: boolean;
  /** A reload waits while so many old workers live; undefined: it does not. */
  readonly maxOldWorkers: number | undefined;
  /** But no longer than this, ms. */
  readonly maxDelayMs: number;
}

/** What it takes to bring all HAProxies of a resource from one file to another. */
export type ApplyPlan = RuntimePlan | ReloadPlan;

/** No reload is needed. */
export interface RuntimePlan {
  readonly how: "runtime";
  /** The commands, for people; none where only comments differ. */
  readonly steps: readonly string[];
  /** Nothing but addresses of servers that exist: it cannot make the file invalid, so HAProxy may go first. */
  readonly addressesOnly: boolean;
  /** Throws E_HAPROXY at the first answer that is not what it should be. */
  carryOut(call: Call): Promise<void>;
  /** Reads back what was carried out, where that is wanted, and mends what differs; what is left, in words. */
  verify(call: Call): Promise<readonly string[]>;
}

/** Only a reload will do. */
export interface ReloadPlan {
  readonly how: "reload";
  /** In words, each naming what. */
  readonly because: readonly string[];
}

/** What was found when HAProxy was compared with its file. */
export interface Comparison {
  /** Differences that are gone now, in words. */
  readonly mended: readonly string[];
  /** Those that only a reload can mend. */
  readonly left: readonly string[];
  /** Which of them could not be asked, and why: nothing is known of those. */
  readonly unasked: readonly AppError[];
}

/** How a reload went. */
export type ReloadOutcome =
  | {
      readonly result: "loaded";
      /** What else was done, in words. */
      readonly notes: readonly string[];
      /** What could not be done beside it. */
      readonly warnings: readonly string[];
    }
  /** HAProxy did not take the file, and goes on with what it had. */
  | { readonly result: "refused"; readonly says: string }
  /** It cannot be told, or has not been done. */
  | {
      readonly result: "unclear";
      readonly says: string;
      /** HAProxy was reloaded, and what it has differs from the file in this. */
      readonly differs?: string;
    };

/** What is to be loaded, and how. */
export interface ReloadOrder {
  /** What is at the dests now. */
  readonly texts: readonly string[];
  /** What HAProxy was brought to last, as far as it is known. */
  readonly before: readonly string[];
  /** Runs `reload_cmd`; undefined: HAProxy is told by its master, or taken over. Throws E_RELOAD when the command fails. */
  readonly command: ((call: Call) => Promise<void>) | undefined;
}

/** The HAProxies of one resource, while they run. Each method asks all of them. */
export interface Haproxy {
  /** Never throws: an HAProxy that does not answer is a reason for a reload. */
  plan(change: { readonly before: string; readonly after: string }, call: Call): Promise<ApplyPlan>;
  /**
   * Compares the servers that run with those of the file, and mends what can be mended while it runs. `before`: what
   * HAProxy was brought to before, if that is known; it tells weights of a file from those set by hand. One that does
   * not answer keeps the others from nothing.
   */
  compare(file: { readonly text: string; readonly before: string | undefined }, call: Call): Promise<Comparison>;
  /** When the one that has run longest has started, wall clock ms: it has read what was at dest then. Throws E_HAPROXY. */
  startedAtMs(call: Call): Promise<number>;
  /** What each of them is called among its peers. Throws E_HAPROXY. */
  localPeers(call: Call): Promise<readonly string[]>;
  /**
   * Undefined: their stick tables outlive a reload. Else which of them still learns since its start, in words: reloaded
   * now, it would teach nothing. Throws E_HAPROXY.
   */
  learns(call: Call): Promise<string | undefined>;
  /** Undefined: a reload may be done now. Else who holds it up, in words. Throws E_HAPROXY. */
  holdsUp(call: Call): Promise<string | undefined>;
  /** Reloads and sees to it that the file was taken; what people set by hand is set again afterwards. */
  reload(order: ReloadOrder, call: Call): Promise<ReloadOutcome>;
}
