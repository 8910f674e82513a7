import { type AgentWord, readWords } from "./agent-grammar.ts";

/** How a question to an agent ended. */
export type AgentEnd =
  /** The agent closed the connection, or there was no more to wait for. */
  | "closed"
  /** The agent broke it off. */
  | "reset"
  /** It was waited for, and nothing more came. */
  | "late"
  /** There was no connection. */
  | "refused"
  /** There was no connection, nor word that there would be none. */
  | "unreachable";

/** What HAProxy makes of an answer. */
export interface AgentEffects {
  /** HAProxy takes it, and knows each word. */
  readonly understood: boolean;
  /** Word by word, the reason last. */
  readonly words: readonly AgentEffect[];
  /** Of the answer as a whole, in sentences. */
  readonly notes: readonly string[];
  readonly shown: AgentShown;
}

/** What one word does, in a sentence. */
export interface AgentEffect {
  readonly word: string;
  readonly effect: string;
}

/** What HAProxy has in its statistics afterwards. */
export interface AgentShown {
  /** `agent_status` of `show stat`; undefined: as it was before. */
  readonly status: "L7OK" | "L7STS" | "CHECKED" | "L7RSP" | "L7TOUT" | "L4CON" | "L4TOUT" | "SOCKERR" | undefined;
  /** `last_agt` of `show stat`; undefined: words of the operating system. */
  readonly text: string | undefined;
}

/** HAProxy's `tune.bufsize`, unless it was set: a line that does not fit in it has no end. */
const BUFFER_BYTES = 16_384;

/** HAProxy's HCHK_DESC_LEN, without its NUL. */
const SHOWN_BYTES = 127;

const NOTHING_CHANGES = "weight and state stay as they were";

const HOW_IT_ENDED: Readonly<Record<AgentEnd, { readonly note: string; readonly shown: AgentShown }>> = {
  closed: {
    note: `it closed without an answer: HAProxy ignores it (L7RSP), ${NOTHING_CHANGES}`,
    shown: { status: "L7RSP", text: "TCPCHK got an empty response at step 2" },
  },
  reset: {
    note: `it broke the connection off without an answer: HAProxy ignores it, ${NOTHING_CHANGES}`,
    shown: { status: "SOCKERR", text: undefined },
  },
  late: {
    note: `no answer came in time: HAProxy ignores it (L7TOUT), ${NOTHING_CHANGES}`,
    shown: { status: "L7TOUT", text: undefined },
  },
  refused: {
    note: `no connection: HAProxy ignores it (L4CON), ${NOTHING_CHANGES}`,
    shown: { status: "L4CON", text: undefined },
  },
  unreachable: {
    note: `no connection in time: HAProxy ignores it (L4TOUT), ${NOTHING_CHANGES}`,
    shown: { status: "L4TOUT", text: undefined },
  },
};

/**
 * What HAProxy 2.6 makes of all the bytes that came from an agent (a character each) until it `end`ed; later versions
 * differ in `weight:` only. Weight and state are in {@link parseReply}.
 */
export function agentEffects(bytes: string, end: AgentEnd): AgentEffects {
  if (bytes === "")
    return { understood: false, words: [], notes: [HOW_IT_ENDED[end].note], shown: HOW_IT_ENDED[end].shown };
  const line = /^[^\r\n]*(?=[\r\n])/.exec(bytes.slice(0, BUFFER_BYTES))?.[0];
  if (line === undefined || line.includes("\0")) return incomplete(line, bytes, end);
  const { words, text } = readWords(line);
  const health = words.find((word) => word.sort === "health" && word.counts);
  return {
    understood: words.every((word) => word.sort !== "unknown" && !("objection" in word)),
    words: [
      ...words.map((word) => ({
        word: word.word,
        effect: word.counts ? effectOf(word) : "nothing: the last word of a sort counts",
      })),
      ...(text === undefined ? [] : [{ word: `#${text}`, effect: reasonEffect(health) }]),
    ],
    notes: notesOn(words, bytes.slice(line.length)),
    shown: shownOf(words, text ?? ""),
  };
}

function incomplete(line: string | undefined, bytes: string, end: AgentEnd): AgentEffects {
  const said = { status: undefined, text: "Ignoring incomplete line from agent" };
  return {
    understood: false,
    words: [],
    notes: [
      `HAProxy ignores it: incomplete line, ${line === undefined ? missingEnd(bytes) : "a byte 0 stands before its end"}`,
    ],
    shown: line === undefined && end === "late" ? HOW_IT_ENDED.late.shown : said,
  };
}

/** Before 3.4 HAProxy looks for the end beyond what came (mended by its commit 57b526e0224c). */
function missingEnd(bytes: string): string {
  if (bytes.length >= BUFFER_BYTES) return `there is no line end within ${BUFFER_BYTES} bytes (tune.bufsize)`;
  return "there is no line end (L7TOUT); before 3.4 it may even take what an earlier answer left in its memory for the rest";
}

function effectOf(word: AgentWord): string {
  if ("health" in word) return healthEffect(word.health);
  if ("admin" in word) return ADMIN_EFFECTS[word.admin];
  if ("objection" in word) return `nothing: HAProxy warns "${word.objection}"${weightHint(word)}`;
  if ("weightPercent" in word) return weightEffect(word.weightPercent);
  if ("maxconn" in word) return maxconnEffect(word.maxconn);
  return `nothing: HAProxy does not know this word and warns of it${spellingHint(word.word)}`;
}

function healthEffect(health: "up" | "down" | "stopped" | "fail"): string {
  if (health !== "up") return "the server is down at once (an agent's fall is 1)";
  return "the server is up at once (an agent's rise is 1), if its own check, where it has one, finds it up too";
}

const ADMIN_EFFECTS = {
  drain: "drain: no new sessions, those it has live on; maintenance becomes drain; only ready ends it",
  maint: "maintenance: no traffic and no health checks; only ready ends it",
  ready: "ends drain and maintenance, also those that a person has set in HAProxy",
} as const;

function weightEffect(percent: number): string {
  if (percent === 0) return "weight: 0, so no new sessions; those it has live on";
  if (percent === 100) return "weight: as configured";
  const rounded = percent > 100 ? ", 256 at the most" : ", rounded down: of the default weight, 1, that is 0";
  return `weight: ${percent} % of the configured weight${rounded}; not with a static balance`;
}

function maxconnEffect(maxconn: number): string {
  return maxconn === 0 ? "maxconn: no limit of connections" : `maxconn: ${maxconn} connections at the most`;
}

function weightHint(word: AgentWord): string {
  return word.sort === "weight" ? "; write whole percents, with a blank behind: 75% up" : "; write maxconn:100";
}

function spellingHint(word: string): string {
  if (/^weight:/i.test(word)) return "; HAProxy 3.1 and later take it as the weight";
  if (/^\d+$/.test(word)) return `; a weight is written ${word}%`;
  if (/^-\d.*%$/.test(word)) return "; a weight is 0% or more";
  if (word.includes("#")) return "; a reason begins with a # of its own: down #why";
  return "";
}

function reasonEffect(health: AgentWord | undefined): string {
  if (health === undefined) return "nothing: a reason is kept with up or down only";
  return "the reason, as HAProxy shows it in its statistics and logs";
}

function notesOn(words: readonly AgentWord[], behind: string): readonly string[] {
  const notes: string[] = [];
  if (words.length === 0) notes.push("no opinion: nothing changes");
  else if (!words.some(({ sort }) => sort === "health"))
    notes.push("it says neither up nor down: a server that is down stays down");
  if (behind.replace(/^(\r\n|\r|\n)/, "") !== "") notes.push("what stands behind the first line end is not looked at");
  return notes;
}

/** The first unknown word is shown, else what is wrong with the weight, else with maxconn; and behind `down` the reason. */
function shownOf(words: readonly AgentWord[], text: string): AgentShown {
  const counting = words.filter(({ counts }) => counts);
  const health = counting.find(({ sort }) => sort === "health");
  const unknown = counting.find(({ sort }) => sort === "unknown")?.word;
  const warning = objectionTo(counting, "weight") ?? objectionTo(counting, "maxconn");
  const trouble = unknown ?? warning;
  if (health === undefined || !("health" in health)) {
    if (trouble === undefined) return { status: "CHECKED", text: "" };
    return {
      status: "CHECKED",
      text: short(unknown === undefined ? `agent warns : ${trouble}` : `agent reports an error : ${trouble}`),
    };
  }
  const isUp = health.health === "up";
  const said = (isUp || text === "" ? trouble : undefined) ?? text.replace(/^ +/, "");
  return {
    status: isUp ? "L7OK" : "L7STS",
    text: short(`via agent : ${health.word}${said === "" ? "" : ` (${said})`}`),
  };
}

function objectionTo(words: readonly AgentWord[], sort: "weight" | "maxconn"): string | undefined {
  const found = words.find((word) => word.sort === sort);
  return found !== undefined && "objection" in found ? found.objection : undefined;
}

function short(text: string): string {
  return text.slice(0, SHOWN_BYTES);
}
