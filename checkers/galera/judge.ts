import type { Verdict } from "../../src/core/verdict.ts";
import type { NodeFacts } from "./node.ts";

/** When a node that gives its data to another one may be used. */
export type DonorRule = "never" | "last" | "always";

/** What a node is judged by. */
export interface NodeRules {
  readonly donor: DonorRule;
  /** A node that takes no writes is not healthy. */
  readonly requireWritable: boolean;
}

/** What a node is to the others of its tag. */
export type Role = "synced" | "donor" | "unfit";

/** wsrep_local_state (Galera, "Node state changes"). */
const STATE = { donor: 2, synced: 4 } as const;

/** Of two that may be used, one that is synced is the better choice. */
const RANK = { synced: [0], donor: [1] } as const;

/** `othersSynced` is whether another node of the tag is synced, as far as is known; asked for only of a donor. */
export function judgeNode(facts: NodeFacts, rules: NodeRules, othersSynced: () => boolean): Verdict {
  const problem = problemOf(facts, rules);
  if (problem !== undefined) return { state: "down", reason: problem };
  const { maintMode, localState, stateWord } = facts;
  if (maintMode !== undefined && maintMode !== "DISABLED") {
    return { state: "drain", reason: `it is taken out of use there (pxc_maint_mode is ${maintMode})` };
  }
  if (localState === STATE.synced) return { state: "up", reason: "synced", rank: RANK.synced };
  if (localState !== STATE.donor) return { state: "down", reason: `not synced: ${stateWord}` };
  if (rules.donor === "always") return { state: "up", reason: "donor or desynced", rank: RANK.donor };
  if (rules.donor === "never" || othersSynced()) return { state: "down", reason: "it is a donor or desynced" };
  return { state: "up", reason: "donor or desynced, but no other node is synced", rank: RANK.donor };
}

/** What the node is, for the judgement of the others. */
export function roleOf(facts: NodeFacts, rules: NodeRules): Role {
  if (problemOf(facts, rules) !== undefined) return "unfit";
  if (facts.maintMode !== undefined && facts.maintMode !== "DISABLED") return "unfit";
  if (facts.localState === STATE.synced) return "synced";
  return facts.localState === STATE.donor ? "donor" : "unfit";
}

function problemOf(facts: NodeFacts, { requireWritable }: NodeRules): string | undefined {
  const { clusterStatus, isConnected, isReady, rejects, isReadOnly } = facts;
  if (clusterStatus === undefined) return "it is no Galera node (wsrep_on is OFF)";
  if (clusterStatus !== "Primary") return `its part of the cluster may not take writes (${clusterStatus})`;
  if (!isConnected) return "it is not connected to the cluster (wsrep_connected is OFF)";
  if (!isReady) return "it takes no queries yet (wsrep_ready is OFF)";
  if (rejects !== undefined && rejects !== "NONE") return `it rejects queries (wsrep_reject_queries is ${rejects})`;
  if (requireWritable && isReadOnly) return "read_only is ON";
  return undefined;
}
