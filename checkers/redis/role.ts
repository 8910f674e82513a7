import { type Target, targetName } from "../../src/core/targets.ts";
import type { Answer, Question } from "./conversation.ts";
import { oneLine, type Problem, problemIn } from "./problem.ts";
import { encodeCommands, isReplyError, type Reply } from "./resp.ts";

/** What a server that can take traffic says of itself. */
export interface Master {
  readonly role: "master";
  /** Connected ones that are in step. */
  readonly replicas: number;
  /** Bytes of replication stream so far; never comparable between masters of different histories, but more is more. */
  readonly offset: number;
}

/** Told apart from a verdict by `role`. */
export type Finding = Master | Problem;

/**
 * Both in one piece, one round trip. ROLE alone would not do: it is answered by a server that is still loading, and by
 * one that cannot save to disk; PING is not (redis/src/server.c, processCommand).
 */
export const PING_AND_ROLE: Question = { bytes: encodeCommands([["PING"], ["ROLE"]]), replies: 2 };

/** Whether a server is a master that can take traffic, from its answer to {@link PING_AND_ROLE}. */
export function findRole(answer: Answer): Finding {
  if ("problem" in answer) return answer.problem;
  const [ping, role] = answer.replies;
  const refusal = problemIn("PING", ping);
  // A replica that may not serve old data says so; which master it misses is the better word for it.
  const hushed = isReplyError(ping) && ping.error.startsWith("MASTERDOWN");
  if (refusal !== undefined && !hushed) return refusal;
  return problemIn("ROLE", role) ?? readRole(role) ?? { state: "down", reason: "gives no role that is known" };
}

/** The reply to ROLE: `master`, offset, replicas; `slave`, host, port, link, offset; `sentinel`, names. */
function readRole(reply: Reply | undefined): Finding | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [role, second, third, link] = reply as readonly Reply[];
  if (role === "master" && typeof second === "number" && Array.isArray(third)) {
    return { role: "master", replicas: third.length, offset: second };
  }
  if (role === "slave" && typeof second === "string" && typeof third === "number") {
    const master: Target = { host: second, port: third };
    return { state: "down", reason: oneLine(`is a replica of ${targetName(master)} (link ${String(link)})`) };
  }
  return role === "sentinel" ? { state: "down", reason: "is a Sentinel: name it with --sentinel" } : undefined;
}
