import type { NetConnectOpts } from "node:net";
import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import type { Asked } from "./asked.ts";
import { rejectIfTurnedAway, splitAnswers } from "./runtime-answers.ts";
import { describeQuestion, exchange } from "./runtime-connection.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";

/** One HAProxy's runtime API (management manual, 9.3 "Unix Socket commands"). */
export interface RuntimeSocket {
  /** As the user wrote it: `/run/haproxy/admin.sock`, `10.0.0.2:9999`. */
  readonly name: string;
  /**
   * One connection, one line; resolves to the whole answer without the blank line at its end. Throws a RuntimeError
   * (E_HAPROXY) that names the socket and what was asked: there is no connection, no whole answer came in time, the
   * level is too low, the command is unknown. What else HAProxy answers is for the caller to judge.
   */
  ask(command: string, call: Call): Promise<string>;
  /**
   * Several in one connection, answers apart, in order: for speed. HAProxy goes on after one that fails. Throws as
   * {@link RuntimeSocket.ask} does when it was so for any of them, and when the answers cannot be told apart, see
   * `splitAnswers`; which of them were done is not known then.
   */
  askAll(commands: readonly string[], call: Call): Promise<readonly string[]>;
  /** All that is said until the connection ends, be it nothing or a refusal: 2.6 answers `reload` with nothing. */
  readonly unjudged: Asked;
}

/** The most bytes of commands on one line: it has to fit into `tune.bufsize`, 16384 unless somebody changed it. */
const MAX_LINE_BYTES = 2_000;

/** `/path`, `unix:/path` or `host:port`; throws E_CONFIG naming the value. */
export function openRuntimeSocket(address: string): RuntimeSocket {
  const where = parseAddress(address);
  const send = (commands: readonly string[], call: Call) => exchange({ name: address, where, commands }, call);

  async function askLine(commands: readonly string[], call: Call): Promise<readonly string[]> {
    const text = await send(commands, call);
    const asked = describeQuestion({ name: address, commands });
    const answers = splitAnswers(text, commands);
    for (const answer of answers ?? [text, lastLineOf(text)]) rejectIfTurnedAway(answer, asked);
    if (answers !== undefined) return answers;
    if (commands.length > 1 && /\n\n?$/.test(text)) {
      throw new RuntimeError(
        "strange",
        `${asked} was answered with ${quoteReply(text)}: which is the answer to what cannot be told`,
      );
    }
    const what = text === "" ? "without an answer" : `in the middle of its answer: ${quoteReply(text.slice(-100))}`;
    throw new RuntimeError("broken", `${asked}: the connection was closed ${what}`);
  }

  return {
    name: address,
    async ask(command, call) {
      const [answer = ""] = await askLine([command], call);
      return answer;
    },
    async askAll(commands, call) {
      const answers: string[] = [];
      for (const line of linesOf(commands)) answers.push(...(await askLine(line, call)));
      return answers;
    },
    unjudged: { name: address, ask: (command, call) => send([command], call) },
  };
}

/**
 * One worker through its master's socket: `@1` is the live one, `@!PID` that with this pid, also an old one (management
 * manual, 9.4 "Master CLI"). A worker that is gone is a RuntimeError with the trouble `gone`.
 */
export function throughMaster(master: RuntimeSocket, worker: string): RuntimeSocket {
  // A prefix holds for one command only (tried on 2.6.12).
  const prefixed = (command: string) => `${worker} ${command}`;
  const name = `${master.name} ${worker}`;
  return {
    name,
    ask: (command, call) => master.ask(prefixed(command), call),
    askAll: (commands, call) => master.askAll(commands.map(prefixed), call),
    unjudged: { name, ask: (command, call) => master.unjudged.ask(prefixed(command), call) },
  };
}

function lastLineOf(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

function parseAddress(address: string): NetConnectOpts {
  const path = /^(?:unix:)?(\/.+)$/.exec(address)?.[1];
  if (path !== undefined) return { path };
  const match = /^(?:\[([^[\]\s]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port, noDelay: true };
  throw new AppError("E_CONFIG", `"${address}" is no runtime socket of HAProxy`, {
    hint: 'an absolute path, "unix:/path", or "host:port"',
  });
}

/** Lines that are short enough, in order. */
function linesOf(commands: readonly string[]): readonly (readonly string[])[] {
  const lines: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const command of commands) {
    bytes += Buffer.byteLength(command) + 1;
    if (bytes > MAX_LINE_BYTES) {
      lines.push([]);
      bytes = Buffer.byteLength(command) + 1;
    }
    lines.at(-1)?.push(command);
  }
  return lines;
}
