/** An agent's answer, taken apart as HAProxy does it; what is not set is left as it is in HAProxy. */
export interface AgentReply {
  readonly health?: Health;
  readonly admin?: Admin;
  /** Percent of the configured weight; 25600 at the most. */
  readonly weightPercent?: number;
  /** 0: no limit. */
  readonly maxconn?: number;
  /** Behind the `#`. */
  readonly text?: string;
  /** Words that HAProxy 2.6 does not know, or whose number it does not take: it warns of them and goes on. */
  readonly unknown: readonly string[];
}

/** One word of an answer, as HAProxy takes it. Of each sort but `unknown` the last one counts, right or wrong. */
export type AgentWord = { readonly word: string; readonly counts: boolean } & (
  | { readonly sort: "health"; readonly health: Health }
  | { readonly sort: "admin"; readonly admin: Admin }
  | { readonly sort: "weight"; readonly weightPercent: number }
  | { readonly sort: "maxconn"; readonly maxconn: number }
  /** A number that HAProxy does not take, with what it says of it. */
  | { readonly sort: "weight" | "maxconn"; readonly objection: string }
  | { readonly sort: "unknown" }
);

/** A line as HAProxy reads it. */
export interface AgentWords {
  readonly words: readonly AgentWord[];
  /** Behind the `#`; undefined where there is nothing. */
  readonly text: string | undefined;
}

type Health = (typeof HEALTH)[number];
type Admin = (typeof ADMIN)[number];

const HEALTH = ["up", "down", "stopped", "fail"] as const;
const ADMIN = ["ready", "drain", "maint"] as const;

/** HAProxy reads no larger percentage than this, so that 256 times it fits. */
const HIGHEST_PERCENT = 25_600;
const HIGHEST_LONG = 2n ** 63n - 1n;
const LOWEST_LONG = -(2n ** 63n);

/**
 * Reads one line of HAProxy's agent-check protocol, without its end (haproxy's `tcpcheck_agent_expect_reply`, as of
 * 2.6). Words are told apart by blanks, tabs and commas, case does not matter, the last of a sort counts, and a word
 * that begins with `#` begins the reason. What stands behind a first line end is not looked at.
 */
export function parseReply(line: string): AgentReply {
  const { words, text } = readWords(line);
  const reply: { -readonly [K in keyof AgentReply]: AgentReply[K] } = {
    unknown: words.filter(isRefused).map(asWritten),
  };
  for (const word of words) {
    if (!word.counts) continue;
    if ("health" in word) reply.health = word.health;
    if ("admin" in word) reply.admin = word.admin;
    if ("weightPercent" in word) reply.weightPercent = word.weightPercent;
    if ("maxconn" in word) reply.maxconn = word.maxconn;
  }
  if (text !== undefined) reply.text = text;
  return reply;
}

/** The words of a line one by one, in their order; as {@link parseReply}. */
export function readWords(line: string): AgentWords {
  const [first = ""] = line.split(/[\r\n\0]/, 1);
  const { words, text } = splitWords(first);
  const read = words.map(readWord);
  return { words: read.map((word, at) => ({ ...word, counts: isLast(read, at) })), text };
}

function isRefused(word: AgentWord): boolean {
  return word.sort === "unknown" || "objection" in word;
}

function asWritten({ word }: AgentWord): string {
  return word;
}

function isLast(words: readonly AgentWord[], at: number): boolean {
  const sort = words[at]?.sort;
  return sort === "unknown" || words.findLastIndex((later) => later.sort === sort) === at;
}

function splitWords(line: string): { readonly words: readonly string[]; readonly text: string | undefined } {
  const hash = /(?:^|[ \t,])#/.exec(line);
  const head = hash === null ? line : line.slice(0, hash.index);
  const text = hash === null ? undefined : line.slice(hash.index + hash[0].length).replace(/^[ \t]+/, "");
  return { words: head.split(/[ \t,]+/).filter((word) => word !== ""), text: text === "" ? undefined : text };
}

function readWord(word: string): AgentWord {
  const lower = word.toLowerCase();
  const health = HEALTH.find((known) => known === lower);
  if (health !== undefined) return { word, counts: true, sort: "health", health };
  const admin = ADMIN.find((known) => known === lower);
  if (admin !== undefined) return { word, counts: true, sort: "admin", admin };
  if (/^\d.*%/s.test(word)) return { word, counts: true, sort: "weight", ...readWeight(word) };
  if (lower.startsWith("maxconn:")) return { word, counts: true, sort: "maxconn", ...readMaxconn(word.slice(8)) };
  return { word, counts: true, sort: "unknown" };
}

/** As haproxy's `server_parse_weight_change_request`: what looks like a weight is one, and may be a wrong one. */
function readWeight(word: string): { readonly weightPercent: number } | { readonly objection: string } {
  const digits = Number(/^\d+/.exec(word)?.[0]);
  if (/^\d+%$/.test(word)) return { weightPercent: Math.min(digits, HIGHEST_PERCENT) };
  if (digits > 256) return { objection: "Absolute weight can only be between 0 and 256 inclusive." };
  return { objection: "Trailing garbage in weight string" };
}

/** As haproxy's `server_parse_maxconn_change_request`: C's `strtol`, kept in 32 bits without a sign. */
function readMaxconn(number: string): { readonly maxconn: number } | { readonly objection: string } {
  if (number === "") return { objection: "Require <maxconn>." };
  const digits = /^[\v\f]*([+-]?)(\d+)(.*)$/s.exec(number);
  if (digits === null) return { objection: "maxconn string empty or preceded by garbage" };
  if (digits[3] !== "") return { objection: "Trailing garbage in maxconn string" };
  const size = BigInt(digits[2] ?? "");
  const within = digits[1] === "-" ? bigger(-size, LOWEST_LONG) : -bigger(-size, -HIGHEST_LONG);
  return { maxconn: Number(BigInt.asUintN(32, within)) };
}

function bigger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
