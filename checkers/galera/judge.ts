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
const STATE = { donor: 2, joined: 3, synced: 4 } as const;

/** Of two that may be used, one that is synced is the better choice. */
const RANK = { synced: [0], donor: [1] } as const;

/**
 * A donor becomes synced by way of "Joined", while it catches up: it is what it was until then. One that joins comes that way,
 * too, and was nothing before. `before` is what this returned the last time.
 */
export function withPast(facts: NodeFacts, before: NodeFacts | undefined): NodeFacts {
  const wasDonor = facts.localState === STATE.joined && before?.localState === STATE.donor;
  return wasDonor ? { ...facts, localState: STATE.donor } : facts;
}

/** `othersSynced` is whether another node of the tag is synced, as far as is known; asked for only of a donor. */
export function judgeNode(facts: NodeFacts, rules: NodeRules, othersSynced: () => boolean): Verdict {
  const problem = problemOf(facts, rules);
  if (problem !== undefined) return { state: "down", reason: problem };
  if (isInMaintenance(facts)) {
    return { state: "drain", reason: `maintenance mode (pxc_maint_mode=${facts.maintMode})` };
  }
  if (facts.localState === STATE.synced) return { state: "up", reason: "synced", rank: RANK.synced };
  if (facts.localState !== STATE.donor) {
    return { state: "down", reason: `not synced: ${facts.stateWord || `wsrep_local_state=${facts.localState}`}` };
  }
  return judgeDonor(facts, rules.donor, othersSynced);
}

/** What the node is, for the judgement of the others. */
export function roleOf(facts: NodeFacts, rules: NodeRules): Role {
  if (problemOf(facts, rules) !== undefined || isInMaintenance(facts)) return "unfit";
  if (facts.localState === STATE.synced) return "synced";
  return facts.localState === STATE.donor ? "donor" : "unfit";
}

function judgeDonor(facts: NodeFacts, rule: DonorRule, othersSynced: () => boolean): Verdict {
  const what = facts.isDesyncedByHand ? "desynced by hand (wsrep_desync=ON)" : "donor/desynced";
  if (rule === "always") return { state: "up", reason: what, rank: RANK.donor };
  if (rule === "never" || othersSynced()) return { state: "down", reason: what };
  return { state: "up", reason: `${what}, but no other node is synced`, rank: RANK.donor };
}

function isInMaintenance({ maintMode }: NodeFacts): boolean {
  return maintMode !== undefined && maintMode !== "DISABLED";
}

function problemOf(facts: NodeFacts, { requireWritable }: NodeRules): string | undefined {
  const { clusterStatus, isConnected, isReady, rejects, isReadOnly } = facts;
  if (clusterStatus === undefined) return "not a Galera node (wsrep_on=OFF)";
  if (clusterStatus !== "Primary") return problemOfComponent(clusterStatus);
  if (!isConnected) return "not connected to the cluster (wsrep_connected=OFF)";
  if (!isReady) return "takes no queries yet (wsrep_ready=OFF)";
  if (rejects !== undefined && rejects !== "NONE") return `rejects queries (wsrep_reject_queries=${rejects})`;
  if (requireWritable && isReadOnly) return "takes no writes (read_only=ON)";
  return undefined;
}

function problemOfComponent(clusterStatus: string): string {
  if (clusterStatus.toLowerCase() === "non-primary") return "non-Primary component: it has no quorum";
  return `outside of the cluster (wsrep_cluster_status=${clusterStatus})`;
}
