import type { AgentRules } from "../core/agent-line.ts";
import type { StandingSource } from "../core/standing.ts";

/** A tag for which the agent answers. */
export interface Seat {
  readonly kind: string;
  readonly tag: string;
  readonly options: {
    readonly agent: AgentRules;
    /** How long `ready` is said to everybody after a drain or maint of our own, ms. */
    readonly readyForMs: number;
    /** 0: its servers are asked when HAProxy asks. */
    readonly intervalMs: number;
  };
  /** Undefined while the tag does not run. */
  source(): StandingSource | undefined;
}
