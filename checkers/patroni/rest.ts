import type { Verdict } from "../../src/core/verdict.ts";
import type { HttpAnswer } from "../../src/lib/http-get.ts";
import type { WantedRole } from "./roles.ts";

/** What Patroni says of its node, beside the status code. */
interface Node {
  /** In words: `it is a replica`. */
  readonly role?: string;
  readonly inRecovery?: boolean;
  /** In words, when PostgreSQL does not run, or does not answer Patroni. */
  readonly trouble?: string;
  readonly hasNoLeader: boolean;
}

/**
 * What Patroni's answer to a health check means: 200 is yes, all else is no (Patroni, "REST API"). But 200 says only who
 * has the leader's lock: the document beside it tells when PostgreSQL is not there, or not yet promoted.
 */
export function judgeRest({ status, body }: HttpAnswer, role: WantedRole): Verdict {
  const node = readNode(body);
  if (status === 200) return judgeYes(node, role);
  const reason = status === 503 ? wordsForNo(node, role) : undefined;
  return { state: "down", reason: reason ?? `Patroni answers ${status} to /${role.endpoint}` };
}

function judgeYes(node: Node, { endpoint, inRecovery }: WantedRole): Verdict {
  const yes = `Patroni says yes to /${endpoint}`;
  if (node.trouble !== undefined) return { state: "down", reason: `${yes}, but ${node.trouble}` };
  if (isOther(node, inRecovery)) {
    // the lock comes first, then the promotion
    const still = inRecovery === false ? " still" : "";
    return {
      state: "down",
      reason: `${yes}, but PostgreSQL is${still} ${inRecovery === false ? "a replica" : "a primary"}`,
    };
  }
  return { state: "up", reason: node.role ?? yes };
}

function wordsForNo(node: Node, { endpoint, inRecovery }: WantedRole): string | undefined {
  if (node.trouble !== undefined) return node.trouble;
  if (node.role === undefined) return undefined;
  const hasRole = inRecovery !== undefined && node.inRecovery === inRecovery;
  const no = hasRole ? `${node.role}, but Patroni says no to /${endpoint}` : node.role;
  return node.hasNoLeader ? `${no}, and the cluster has no leader` : no;
}

function isOther(node: Node, wanted: boolean | undefined): boolean {
  return wanted !== undefined && node.inRecovery !== undefined && node.inRecovery !== wanted;
}

function readNode(body: string): Node {
  const { role, state, postmaster_start_time: answered, cluster_unlocked: unlocked } = readObject(body);
  const trouble = typeof state === "string" ? troubleOf(state, answered !== undefined) : undefined;
  return {
    ...(typeof role === "string" ? roleOf(role) : {}),
    ...(trouble === undefined ? {} : { trouble }),
    hasNoLeader: unlocked === true,
  };
}

function readObject(body: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    // some health checks answer by the code alone
    return {};
  }
}

/** Of Patroni's states (its PostgresqlState) those in which PostgreSQL is certainly of no use. */
const NOT_RUNNING =
  /^(stopp(ed|ing)|stop failed|crashed|start failed|restart failed|initializing|initdb|running custom|custom|creating)/;

/** `answered`: PostgreSQL has answered the query by which Patroni makes its document. */
function troubleOf(state: string, answered: boolean): string | undefined {
  if (state === "unknown") return "PostgreSQL does not answer Patroni";
  const isBad = NOT_RUNNING.test(state) || (!answered && /^(re)?starting/.test(state));
  return isBad ? `PostgreSQL is not running (${state.slice(0, 40)})` : undefined;
}

/** Patroni says `master` before version 4, for what it calls the primary everywhere else. */
function roleOf(role: string): Pick<Node, "role" | "inRecovery"> {
  if (role === "master" || role === "primary") return { role: "it is the primary", inRecovery: false };
  if (role === "standby_leader") return { role: "it is the standby leader", inRecovery: true };
  if (role === "replica") return { role: "it is a replica", inRecovery: true };
  return { role: `it is ${role.slice(0, 40)}` };
}
