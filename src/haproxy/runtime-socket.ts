import { createConnection, type NetConnectOpts } from "node:net";
import type { Call } from "../core/call.ts";
import { AppError, errorText } from "../core/errors.ts";
import { withDeadline } from "../lib/deadline.ts";
import type { Asked } from "./asked.ts";
import { rejectIfTurnedAway, splitAnswers } from "./runtime-answers.ts";
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

/** The longest one call may take when the caller does not say, ms. HAProxy answers in less than one as a rule. */
const TIMEOUT_MS = 5_000;

/** Far above what the largest HAProxy has to say: 64 MiB are 200,000 sessions. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The most bytes of commands on one line: it has to fit into `tune.bufsize`, 16384 unless somebody changed it. */
const MAX_LINE_BYTES = 2_000;

/** `/path`, `unix:/path` or `host:port`; throws E_CONFIG naming the value. */
export function openRuntimeSocket(address: string): RuntimeSocket {
  const where = parseAddress(address);
  const send = (commands: readonly string[], call: Call) => exchange({ name: address, where, commands }, call);

  async function askLine(commands: readonly string[], call: Call): Promise<readonly string[]> {
    const text = await send(commands, call);
    const asked = describe(address, commands);
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

interface Question {
  readonly name: string;
  readonly where: NetConnectOpts;
  readonly commands: readonly string[];
}

const MOST_NAMED = 120;

function describe(name: string, commands: readonly string[]): string {
  const [first = "", ...others] = commands;
  const shown = first.length <= MOST_NAMED ? first : `${first.slice(0, MOST_NAMED)}…`;
  return `HAProxy at ${name}: "${shown}"${others.length === 0 ? "" : ` and ${others.length} more`}`;
}

/** Sends one line and resolves with all that comes until the end. */
async function exchange(question: Question, call: Call): Promise<string> {
  const { name, commands } = question;
  rejectIfNotOneLine(commands);
  const asked = describe(name, commands);
  const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
  try {
    return await withDeadline(asked, timeoutMs, call.signal, (signal) => readToEnd(question, signal));
  } catch (error) {
    call.signal.throwIfAborted();
    if (error instanceof RuntimeError) throw error;
    if (error instanceof AppError && error.code === "E_TIMEOUT") {
      throw new RuntimeError("timeout", `${asked} was not answered within ${timeoutMs} ms`);
    }
    throw connectionError(error, asked);
  }
}

/** A name out of a file, or of a store, must never become a command of its own. `<<` begins a payload and would hang. */
function rejectIfNotOneLine(commands: readonly string[]): void {
  for (const command of commands) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (command.trim() === "" || /[\x00-\x1f\x7f;\\]|<</.test(command)) {
      throw new AppError("E_INTERNAL", `${JSON.stringify(command)} is not one command for HAProxy`);
    }
  }
}

function readToEnd({ name, where, commands }: Question, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = describe(name, commands);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = createConnection(where);
    const finish = () => signal.removeEventListener("abort", onAbort);
    const fail = (error: unknown) => {
      finish();
      socket.destroy();
      reject(error);
    };
    const settle = () => {
      finish();
      socket.destroy();
      resolve(Buffer.concat(chunks, bytes).toString("utf8"));
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", fail);
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (isLastWord(chunk)) settle();
      if (bytes > MAX_BYTES) fail(new RuntimeError("strange", `${asked}: the answer has more than ${MAX_BYTES} bytes`));
    });
    socket.on("end", settle);
    // Said to be all at once: the master of 2.6 keeps the connection open until then.
    socket.end(`${commands.join(";")}\n`);
  });
}

/**
 * What a master says when it cannot pass a command on, after which it hears nothing more (`pcli_reply_and_close` in
 * src/cli.c). That of 3.0 closes the connection afterwards, or forgets to.
 */
const LAST_WORDS = /(?:^|\n)Can't (?:find the target PID matching the prefix '[^'\n]*'|connect to the target CLI!)\n$/;

const LONGEST_LAST_WORDS = 200;

function isLastWord(chunk: Buffer): boolean {
  return LAST_WORDS.test(chunk.toString("latin1", Math.max(0, chunk.length - LONGEST_LAST_WORDS)));
}

function connectionError(error: unknown, asked: string): RuntimeError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known = CONNECTION_ERRORS[code];
  if (known === undefined) {
    return new RuntimeError("unreachable", `${asked}: ${errorText(error)}`, { cause: error });
  }
  const [trouble, says, hint] = known;
  return new RuntimeError(trouble, `${asked}: ${says} (${code})`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

const CONNECTION_ERRORS: Readonly<
  Record<string, readonly [trouble: "unreachable" | "broken", says: string, hint?: string]>
> = {
  ENOENT: [
    "unreachable",
    "there is no such socket",
    'it is the path behind "stats socket" in haproxy.cfg; HAProxy may not run',
  ],
  ECONNREFUSED: ["unreachable", "nobody listens there", "HAProxy may not run, or listen somewhere else"],
  EACCES: [
    "unreachable",
    "this process may not open it",
    '"mode", "user" and "group" on the "stats socket" line in haproxy.cfg say who may',
  ],
  EAGAIN: ["unreachable", "it has more connections waiting than it takes"],
  ECONNRESET: ["broken", "the connection was cut"],
  EPIPE: ["broken", "the connection was cut"],
};
