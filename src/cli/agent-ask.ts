import type { NetConnectOpts } from "node:net";
import { type AgentAnswer, askAgent } from "../agent/ask.ts";
import type { Flag } from "../config/flag.ts";
import { resolveOptions } from "../config/resolve.ts";
import { type AgentEffects, agentEffects } from "../core/agent-effects.ts";
import { AppError } from "../core/errors.ts";
import { parseTargets } from "../core/targets.ts";
import { formatMs } from "../lib/duration.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { parseLine } from "./parse.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "send",
    type: "string",
    argument: "WORDS",
    section: "Question",
    description: "what HAProxy sends by agent-send, without its line end: a tag, kind/tag or kind/tag/host:port",
  },
  {
    name: "timeout",
    type: "duration",
    default: "2s",
    section: "Question",
    description: "how long the answer may take",
  },
];

const SHAPE = {
  name: "confd-haproxy agent ask",
  summary:
    "Asks an agent once, as HAProxy's agent-check does, and says what HAProxy would make of the answer, word by word.",
  words: "<where>",
  flags: FLAGS,
  epilog: `Where:
  10.0.0.5:9999, [::1]:9999, db1:9999, or unix:/run/confd-haproxy/agent.sock

Examples:
  confd-haproxy agent ask 127.0.0.1:9999
  confd-haproxy agent ask 127.0.0.1:9999 --send mysqlslave/slave3301

Exit code: 0 a whole line came and HAProxy knows each of its words, 1 none came or it does not, 2 wrong usage.`,
};

/** HAProxy waits for an agent as long as its agent-inter is, and that is 2 s where nothing else is said. */
const PATIENCE_MS = 2_000;

/** More of an answer than this is not printed. */
const MOST_SHOWN = 400;

/** `confd-haproxy agent ask …`: parses its words, asks, prints, resolves to the exit code. Throws E_USAGE. */
export async function agentAsk(argv: readonly string[], signals: Signals): Promise<number> {
  const line = parseLine(SHAPE, argv);
  if (line === undefined) return 0;
  const [where = ""] = line.words;
  // No environment: CONFD_HAPROXY_TIMEOUT is how long a checker's probe may take.
  const { send, timeout } = resolveOptions(FLAGS, { flags: line.flags, env: {} });
  const asked = { where, send: sendable(String(send ?? "")) };
  const question = { to: placeOf(where), send: asked.send, timeoutMs: Number(timeout) };
  const answer = await askAgent({ ...question, clock: systemClock, signal: signals.stop });
  const effects = agentEffects(answer.bytes, answer.end);
  process.stdout.write(report(asked, answer, effects));
  return effects.understood ? 0 : 1;
}

function placeOf(where: string): NetConnectOpts {
  const path = /^(?:unix[:@])?(\/.+)$/.exec(where)?.[1];
  if (path !== undefined) return { path };
  const [target, ...more] = parseTargets(where, "agent ask");
  if (target === undefined || more.length > 0) throw new AppError("E_USAGE", "agent ask asks one agent at a time");
  return target;
}

/** Words copied out of haproxy.cfg have their `\n` already. */
function sendable(words: string): string {
  const bare = words.replace(/(\\n|\r?\n)$/, "");
  return bare === "" ? "" : `${bare}\n`;
}

function report(
  asked: { readonly where: string; readonly send: string },
  answer: AgentAnswer,
  { words, notes, shown }: AgentEffects,
): string {
  const rows: (readonly [string, string])[] = [
    ["asked", `${asked.where}${asked.send === "" ? "" : `, by ${visible(asked.send)}`}`],
    ["answered", answered(answer)],
    ["took", took(answer)],
    ["", ""],
    ...words.map(({ word, effect }) => [visible(word), effect] as const),
    ...[...lateNotes(answer), ...notes].map((note) => ["in all", note] as const),
    ["shown", `${shown.status ?? "as before"}${shown.text ? `: ${visible(shown.text)}` : ""}`],
  ];
  const width = Math.min(24, Math.max(...rows.map(([head]) => head.length)));
  return rows
    .map(([head, text]) => `${head.padEnd(width)}  ${text}`.trimEnd())
    .join("\n")
    .concat("\n");
}

function answered({ bytes, trouble }: AgentAnswer): string {
  const why = trouble === undefined ? "" : ` (${trouble})`;
  if (bytes === "") return `nothing${why}`;
  if (bytes.length <= MOST_SHOWN) return `${visible(bytes)}${why}`;
  return `${visible(bytes.slice(0, MOST_SHOWN))}... ${bytes.length} bytes in all${why}`;
}

function took({ connectMs, lineMs, totalMs }: AgentAnswer): string {
  if (connectMs === undefined) return `${formatMs(totalMs)}, without a connection`;
  return `${formatMs(lineMs ?? totalMs)}, ${formatMs(connectMs)} of it to connect`;
}

function lateNotes({ lineMs }: AgentAnswer): readonly string[] {
  if (lineMs === undefined || lineMs <= PATIENCE_MS) return [];
  return [
    `too late for HAProxy's default: it waits ${formatMs(PATIENCE_MS)} (agent-inter, or timeout check), then ignores it`,
  ];
}

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "\0": "\\0" };

/** Printable, whatever an agent says: nothing of it may reach the terminal as a command. */
function visible(bytes: string): string {
  return bytes.replaceAll(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (byte) => NAMED[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
