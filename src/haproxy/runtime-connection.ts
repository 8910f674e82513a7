import { createConnection, type NetConnectOpts } from "node:net";
import type { Call } from "../core/call.ts";
import { AppError, errorText } from "../core/errors.ts";
import { withDeadline } from "../lib/deadline.ts";
import { RuntimeError } from "./runtime-error.ts";

/** The longest one call may take when the caller does not say, ms. HAProxy answers in less than one as a rule. */
const TIMEOUT_MS = 5_000;

/** Far above what the largest HAProxy has to say: 64 MiB are 200,000 sessions. */
const MAX_BYTES = 64 * 1024 * 1024;

/** One line of commands to one socket. */
export interface Question {
  /** The socket's. */
  readonly name: string;
  readonly where: NetConnectOpts;
  readonly commands: readonly string[];
}

const MOST_NAMED = 120;

/** For a message: who was asked what. */
export function describeQuestion({ name, commands }: Pick<Question, "name" | "commands">): string {
  const [first = "", ...others] = commands;
  const shown = first.length <= MOST_NAMED ? first : `${first.slice(0, MOST_NAMED)}…`;
  return `HAProxy at ${name}: "${shown}"${others.length === 0 ? "" : ` and ${others.length} more`}`;
}

/**
 * Sends one line and resolves with all that comes until the connection ends. Throws a RuntimeError that names the socket
 * and what was asked; the signal's reason on abort; E_INTERNAL, with nothing sent, for what is not one command.
 */
export async function exchange(question: Question, call: Call): Promise<string> {
  const { name, commands } = question;
  rejectIfNotOneLine(commands);
  const asked = describeQuestion({ name, commands });
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
    const asked = describeQuestion({ name, commands });
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
