/** An agent's answer, taken apart as HAProxy does it; what is not set is left as it is in HAProxy. */
export interface AgentReply {
  readonly health?: "up" | "down" | "stopped" | "fail";
  readonly admin?: "ready" | "drain" | "maint";
  /** Percent of the configured weight. */
  readonly weightPercent?: number;
  readonly maxconn?: number;
  /** Behind the `#`. */
  readonly text?: string;
  /** Words that HAProxy 2.6 does not know, or whose number it does not take: it warns of them and goes on. */
  readonly unknown: readonly string[];
}

const HEALTH = ["up", "down", "stopped", "fail"] as const;
const ADMIN = ["ready", "drain", "maint"] as const;

/**
 * Reads one line of HAProxy's agent-check protocol, without its end (haproxy's `tcpcheck_agent_expect_reply`, as of
 * 2.6). Words are told apart by blanks, tabs and commas, case does not matter, the last of a sort counts, and a word
 * that begins with `#` begins the reason. What stands behind a first line end is not looked at.
 */
export function parseReply(line: string): AgentReply {
  const [first = ""] = line.split(/[\r\n\0]/, 1);
  const { words, text } = splitWords(first);
  const unknown: string[] = [];
  const reply: { -readonly [K in keyof AgentReply]: AgentReply[K] } = { unknown };
  for (const word of words) {
    const known = readWord(word.toLowerCase());
    if (known === undefined) unknown.push(word);
    else Object.assign(reply, known);
  }
  if (text !== undefined) reply.text = text;
  return reply;
}

function splitWords(line: string): { readonly words: readonly string[]; readonly text: string | undefined } {
  const hash = /(?:^|[ \t,])#/.exec(line);
  const head = hash === null ? line : line.slice(0, hash.index);
  const text = hash === null ? undefined : line.slice(hash.index + hash[0].length).replace(/^[ \t]+/, "");
  return { words: head.split(/[ \t,]+/).filter((word) => word !== ""), text: text === "" ? undefined : text };
}

function readWord(word: string): Partial<AgentReply> | undefined {
  const health = HEALTH.find((known) => known === word);
  if (health !== undefined) return { health };
  const admin = ADMIN.find((known) => known === word);
  if (admin !== undefined) return { admin };
  const percent = /^(\d+)%$/.exec(word)?.[1];
  if (percent !== undefined) return { weightPercent: Number(percent) };
  const maxconn = /^maxconn:(\d+)$/.exec(word)?.[1];
  return maxconn === undefined ? undefined : { maxconn: Number(maxconn) };
}
