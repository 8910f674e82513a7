import { eventually } from "./eventually.ts";
import { type Haproxy, type HaproxyPlace, haproxyHead, startHaproxy } from "./haproxy.ts";
import { type StatRow, serverStats } from "./haproxy-stat.ts";
import { type ScriptedAgent, type ScriptedAnswer, startScriptedAgent } from "./scripted-agent.ts";

/** What of a server's line in `show stat` an agent has its hands in. */
export interface Effect {
  readonly status: string;
  readonly weight: string;
  /** "" is none. */
  readonly maxconn: string;
  /** `agent_status` */
  readonly agent: string;
  /** `last_agt` */
  readonly said: string;
}

/** Servers of a real HAProxy that ask one scripted agent, each with its own name for words. */
export interface AgentServers {
  readonly agent: ScriptedAgent;
  readonly haproxy: Haproxy;
  readonly names: readonly string[];
}

/** How all of them are set up in haproxy.cfg. */
export interface AgentSetup {
  /** Behind each server's address. */
  readonly settings: string;
  readonly balance?: string;
}

/** One HAProxy with a backend `b` and a server in it for each name. */
export async function startAgentServers(
  names: readonly string[],
  { settings, balance = "roundrobin" }: AgentSetup,
): Promise<AgentServers> {
  const agent = await startScriptedAgent({ awaitsWords: true });
  const asks = `agent-check agent-addr ${agent.address} agent-port ${agent.port} agent-inter 200ms`;
  const servers = names.map((name) => `    server ${name} ${agent.server} ${asks} agent-send "${name}\\n" ${settings}`);
  // Nobody is late here, however busy the machine is: without timeout check, agent-inter is the limit.
  const config = (place: HaproxyPlace) => `${haproxyHead(place)}    timeout connect 20s
    timeout check 20s
backend b
    balance ${balance}
${servers.join("\n")}
`;
  return { agent, haproxy: await startHaproxy({ config }), names };
}

/** Gives each server its answer, and reads its line when HAProxy has taken it in and is not asking again. */
export async function answerAll(
  { agent, haproxy, names }: AgentServers,
  answers: readonly ScriptedAnswer[],
): Promise<readonly Effect[]> {
  const before = agent.questions.length;
  for (const [at, name] of names.entries()) agent.say(answers[at] ?? "", name);
  const settled = new Map<string, Effect>();
  await eventually("all servers have taken their answer in", async () => {
    const asked = countOf(agent.questions.slice(before));
    for (const [name, row] of await serverStats(haproxy, "b")) {
      // The second question comes after the first answer.
      const hasHeard = (asked.get(name) ?? 0) >= 2;
      if (hasHeard && !settled.has(name) && !isAsking(row)) settled.set(name, effectIn(row));
    }
    return settled.size === names.length;
  });
  return names.map((name) => settled.get(name) ?? missing(name));
}

/** HAProxy waits for an answer at this moment, and has forgotten what the last one said. */
export function isAsking(row: StatRow): boolean {
  return row["agent_status"]?.startsWith("* ") === true;
}

/** Some of HAProxy's warnings have a line end in them. */
export function effectIn(row: StatRow): Effect {
  return {
    status: row["status"] ?? "",
    weight: row["uweight"] ?? "",
    maxconn: row["slim"] ?? "",
    agent: row["agent_status"] ?? "",
    said: (row["last_agt"] ?? "").replaceAll("\n", ""),
  };
}

function missing(name: string): never {
  throw new Error(`nothing was seen of ${name}`);
}

function countOf(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
