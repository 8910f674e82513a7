import { parseReply } from "./agent-grammar.ts";
import type { Order } from "./order.ts";
import type { Standing } from "./standing.ts";

/** What an agent is told to say where there is no verdict to go by; lines of HAProxy's grammar, "" is no opinion. */
export interface AgentRules {
  /** A verdict older than this is not believed any more, ms. */
  readonly staleAfterMs: number;
  /** Before the first verdict that counts. */
  readonly onStarting: string;
  readonly onStale: string;
  /** The check could not tell. */
  readonly onUnknown: string;
  /** From SIGTERM to the end of the process. */
  readonly onStopping: string;
}

/** The moment of a question. */
export interface AgentMoment {
  /** Undefined while no server is known. */
  readonly standing: Standing | undefined;
  readonly order: Order | undefined;
  /** The asker was told `drain` or `maint` by us before: it is to hear `ready`, once we say neither. */
  readonly owesReady: boolean;
  readonly stopping: boolean;
  /** Monotonic, as {@link Standing.judgedMs}. */
  readonly nowMs: number;
}

/** What is answered. */
export interface AgentLine {
  /** One whole line without its end; empty: no opinion. */
  readonly text: string;
  /**
   * Whether sessions are kept off by `drain` or `maint`, which only `ready` undoes. Undefined: it is not known, and what
   * was said before still holds.
   */
  readonly traffic: AgentTraffic | undefined;
}

/** What an answer means for sessions, whether the server is well or not. */
export type AgentTraffic = "withheld" | "admitted";

/** Longest reason behind a `#`: what HAProxy shows whole in its statistics page. */
const LONGEST_REASON = 80;

/**
 * THE place where a verdict becomes an agent's answer. `up` or `down` is said whenever it is known, since a weight or
 * `drain` alone brings no server back; `ready` only to undo our own `drain` or `maint`, so that what an operator has set
 * in HAProxy stays, and only once it is known that the check itself wants no drain; a weight only when the check gives
 * one.
 */
export function agentLine(moment: AgentMoment, rules: AgentRules): AgentLine {
  const { order, owesReady, standing, stopping } = moment;
  if (order?.state === "maint") return { text: `maint${because(orderWords(order))}`, traffic: "withheld" };
  const text = stopping ? rules.onStopping : wordsFor(moment, rules);
  const own = admits(text);
  if (order !== undefined) return { text: own === "withheld" ? text : drained(text, own), traffic: "withheld" };
  if (own !== undefined) return { text, traffic: own };
  if (standing?.health !== "up" && standing?.health !== "down") return { text, traffic: undefined };
  return { text: owesReady ? `ready ${text}`.trim() : text, traffic: "admitted" };
}

/** An order by hand goes before a `ready` in a line that somebody has chosen. */
function drained(text: string, own: AgentTraffic | undefined): string {
  return own === undefined ? `drain ${text}`.trim() : "drain";
}

function wordsFor({ standing, nowMs }: AgentMoment, rules: AgentRules): string {
  if (standing === undefined) return rules.onStarting;
  const { held, health, verdict, judgedMs } = standing;
  if (held !== undefined) return `down${because(`${held}; held until somebody says recover`)}`;
  if (health === "unseen") return verdict?.state === "unknown" ? rules.onUnknown : rules.onStarting;
  if (nowMs - judgedMs > rules.staleAfterMs) return rules.onStale;
  if (verdict?.state === "unknown") return rules.onUnknown;
  if (health === "up") return `${weightWords(standing)}up`;
  if (health === "drain") return "drain up";
  return `down${because(verdict?.state === "up" ? "it has not been well for long enough" : verdict?.reason)}`;
}

function weightWords({ weightPercent, maxconn }: Standing): string {
  const weight = weightPercent === undefined ? "" : `${Math.round(weightPercent)}% `;
  return `${maxconn === undefined ? "" : `maxconn:${maxconn} `}${weight}`;
}

/** What a line says of sessions by an administrative word of its own. */
function admits(text: string): AgentTraffic | undefined {
  if (!/drain|maint|ready/i.test(text)) return undefined;
  const { admin } = parseReply(text);
  if (admin === undefined) return undefined;
  return admin === "ready" ? "admitted" : "withheld";
}

function orderWords({ reason, by }: Order): string | undefined {
  if (reason === undefined) return by === undefined ? undefined : `by ${by}`;
  return by === undefined ? reason : `${reason} (${by})`;
}

/** ` #reason`, in one short printable line; HAProxy shows it behind `down`. */
function because(reason: string | undefined): string {
  const line = (reason ?? "").replaceAll(/[^\x20-\x7e]+/g, " ").trim();
  if (line === "") return "";
  return ` #${line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON - 3)}...` : line}`;
}
