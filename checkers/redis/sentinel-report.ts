import { isHost, isPort } from "../../src/core/entry.ts";
import type { Target } from "../../src/core/targets.ts";
import type { Answer, Question } from "./conversation.ts";
import { problemIn } from "./problem.ts";
import { encodeCommands, isReplyError, type Reply } from "./resp.ts";
import type { Vote } from "./ruling.ts";

/** What a Sentinel knows of one master and those around it. */
export interface SentinelReport {
  readonly vote: Vote;
  /** The master and all its replicas, also those that are down. */
  readonly servers: readonly Target[];
  /** How many Sentinels watch this master, as far as this one knows. */
  readonly sentinels: number;
}

const COMMANDS = ["SENTINEL GET-MASTER-ADDR-BY-NAME", "SENTINEL MASTER", "SENTINEL REPLICAS"] as const;

/**
 * What is asked of a Sentinel. The first command answers with the new master as soon as a replica has been promoted,
 * while the second goes on naming the old one until the failover has ended (redis/src/sentinel.c,
 * sentinelGetCurrentMasterAddress).
 */
export function sentinelQuestion(masterName: string): Question {
  const bytes = encodeCommands(COMMANDS.map((command) => [...command.split(" "), masterName]));
  return { bytes, replies: COMMANDS.length };
}

/** Reads the answer; a string says why there is no report. */
export function readReport(answer: Answer): SentinelReport | string {
  if ("problem" in answer) return answer.problem.reason;
  const { replies } = answer;
  if (replies[0] === null) return { vote: "stranger", servers: [], sentinels: 0 };
  const refused = replies
    .map((reply, at) => problemIn(COMMANDS[at] ?? "", reply))
    .find((problem) => problem !== undefined);
  if (refused !== undefined) return refused.reason;
  const [address, master, replicas] = replies;
  const vote = readAddress(address);
  if (vote === undefined || !Array.isArray(replicas)) return "its answer is not that of a Sentinel";
  const others = (replicas as readonly Reply[]).map((replica) => {
    const fields = readFields(replica);
    return toTarget(fields.get("ip"), fields.get("port"));
  });
  const fields = readFields(master);
  const old = toTarget(fields.get("ip"), fields.get("port"));
  return {
    vote,
    servers: [vote, old, ...others].filter((target) => target !== undefined),
    sentinels: 1 + (Number(fields.get("num-other-sentinels")) || 0),
  };
}

function readAddress(reply: Reply | undefined): Target | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [host, port] = reply as readonly Reply[];
  return toTarget(host, port);
}

/** Names and values in turn. */
function readFields(reply: Reply | undefined): ReadonlyMap<string, Reply> {
  const fields = new Map<string, Reply>();
  if (!Array.isArray(reply) || isReplyError(reply)) return fields;
  const words = reply as readonly Reply[];
  for (let at = 0; at + 1 < words.length; at += 2) fields.set(String(words[at]), words[at + 1] ?? null);
  return fields;
}

function toTarget(host: Reply | undefined, port: Reply | undefined): Target | undefined {
  const number = Number(port);
  return isHost(host) && isPort(number) ? { host, port: number } : undefined;
}
