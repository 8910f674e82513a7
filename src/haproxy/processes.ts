import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import { isTrouble, quoteReply } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { type Processes, parseShowProc } from "./show-proc.ts";

/** How long one `show proc` may take, ms; the master only ever answers it at once or not at all. */
const SHOW_PROC_MS = 2_000;

/** How often an HAProxy that is changing is looked at, ms. */
export const LOOK_EVERY_MS = 20;

/** What the master says, or why it says nothing: while it reloads it refuses, resets or answers with nothing. */
export type ProcessesOrWhy =
  | { readonly processes: Processes; readonly why?: never; readonly isUnreachable?: never }
  | {
      readonly processes?: never;
      readonly why: string;
      /** There was no connection. */
      readonly isUnreachable: boolean;
    };

/** What is named as a master's socket is none, or does not tell us. */
export class NoMasterError extends AppError {
  constructor(name: string, cause: unknown) {
    super("E_HAPROXY", `${name} is no master's socket, or none that tells us of its processes`, {
      hint: "master_socket is the path behind -S on HAProxy's command line; its level must be operator or admin",
      cause,
    });
  }
}

/**
 * Asks a master for its processes, once. Throws a NoMasterError (E_HAPROXY) when the socket is not a master's, or does not let us; the
 * signal's reason on abort.
 */
export async function askProcesses(master: RuntimeSocket, call: Call): Promise<ProcessesOrWhy> {
  try {
    const answer = await master.ask("show proc", { signal: call.signal, timeoutMs: SHOW_PROC_MS });
    const processes = parseShowProc(answer);
    if (processes !== undefined) return { processes };
    return { why: `it answered ${quoteReply(answer)}`, isUnreachable: false };
  } catch (error) {
    call.signal.throwIfAborted();
    if (isTrouble(error, "unknown-command") || isTrouble(error, "denied")) throw new NoMasterError(master.name, error);
    return { why: whyNot(error), isUnreachable: isTrouble(error, "unreachable") };
  }
}

/** Asks until the master answers; undefined when it did not by `untilMs` (of `clock`), with what it did last. */
export async function awaitProcesses(
  master: RuntimeSocket,
  untilMs: number,
  call: Call & { readonly clock: Clock },
): Promise<ProcessesOrWhy> {
  for (;;) {
    const asked = await askProcesses(master, call);
    if (asked.processes !== undefined || call.clock.monotonicMs() >= untilMs) return asked;
    await call.clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

/** What a socket's own error says; its causes add nothing for a reader. */
export function whyNot(error: unknown): string {
  return error instanceof AppError ? error.message : errorText(error);
}
