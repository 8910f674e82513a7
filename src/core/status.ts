import type { Health } from "./damper.ts";
import type { Order } from "./order.ts";

/** The reason of a server before its first verdict. */
export const NOT_ASKED = "not asked yet";

/** What is known of one server of a tag at this moment. */
export interface ServerStatus {
  /** `host:port`. */
  readonly name: string;
  /** After damping. */
  readonly health: Health;
  /** The latest verdict's; {@link NOT_ASKED} before the first. */
  readonly reason: string;
  /** Among those that the entry names. */
  readonly published: boolean;
}

/** An order in force. */
export interface StandingOrder {
  /** `host:port`; undefined: all servers of the tag. */
  readonly server: string | undefined;
  readonly order: Order;
}

/** One tag, read at the moment of the question: it costs nothing while nobody asks. */
export interface GroupStatus {
  readonly kind: string;
  readonly tag: string;
  /** There is a store to publish to; without one the agent port alone is served. */
  readonly publishes: boolean;
  /** As `host:port`, the first choice first; empty: nothing is published; undefined: the store has not told yet. */
  readonly published: readonly string[] | undefined;
  /** Undefined where no lock is held: without `--ha`, and without `--publish writer` over a store with locks. */
  readonly leader: boolean | undefined;
  /** The store answers. */
  readonly storeReadable: boolean;
  readonly servers: readonly ServerStatus[];
  /** Only one of the servers can rightly be up: the others are as they should be when they are not. */
  readonly exclusive: boolean;
  /** Several servers are up of which only one can rightly be. */
  readonly split: boolean;
  /** Orders by hand that concern the tag (no server) or a server of it, which the agent heeds. */
  readonly orders: readonly StandingOrder[];
  readonly counters: GroupCounters;
}

/** What the agent port of this process has done so far, and does now. */
export interface AgentActivity {
  /** Questions that were answered. */
  readonly answered: number;
  /** Connections of those who may not ask. */
  readonly refused: number;
  /** Connections that had to make room for newer ones. */
  readonly dropped: number;
  /** Connections at this moment. */
  readonly open: number;
}

/** Since the start of this process. */
export interface GroupCounters {
  /** Rounds of probes that were begun. */
  rounds: number;
  /** Of those, the ones that began more than 100 ms late: this process has more to do than it can. */
  lateRounds: number;
  /** Answers taken in, good and bad. */
  probes: number;
  /** Of those, the ones that were not good. */
  failedProbes: number;
  /** Entries written. */
  writes: number;
  /** Writes that another checker came before. */
  lostWrites: number;
  /** Times that a split began. */
  splits: number;
}
