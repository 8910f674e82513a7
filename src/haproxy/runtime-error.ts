import { AppError, type AppErrorOptions } from "../core/errors.ts";

/**
 * What went wrong between us and a runtime socket. `unreachable`: no connection. `timeout`: no whole answer in time.
 * `broken`: the connection ended before a whole answer. `denied`: the socket's level is too low. `unknown-command`:
 * this HAProxy does not know it. `gone`: the master has no such worker, or no longer. `refused`: HAProxy said no.
 * `strange`: an answer that nobody can read.
 */
export type RuntimeTrouble =
  | "unreachable"
  | "timeout"
  | "broken"
  | "denied"
  | "unknown-command"
  | "gone"
  | "refused"
  | "strange";

/** An E_HAPROXY that tells what went wrong, for whoever can do something about it. */
export class RuntimeError extends AppError {
  readonly trouble: RuntimeTrouble;

  constructor(trouble: RuntimeTrouble, message: string, options: AppErrorOptions = {}) {
    super("E_HAPROXY", message, options);
    this.trouble = trouble;
  }
}

/** Whether an error is this trouble with a runtime socket. */
export function isTrouble(error: unknown, trouble: RuntimeTrouble): boolean {
  return error instanceof RuntimeError && error.trouble === trouble;
}

const MOST_SHOWN = 200;

/** What HAProxy said, for a message: its first lines on one line, and not too much of it. */
export function quoteReply(reply: string): string {
  const line = reply.trim().replaceAll(/\s*\n\s*/g, " / ");
  return line.length <= MOST_SHOWN ? `"${line}"` : `"${line.slice(0, MOST_SHOWN)}…"`;
}
