import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Asked } from "./asked.ts";
import { type Processes, parseShowProc } from "./show-proc.ts";

/** How long one `show proc` may take, ms; the master only ever answers it at once or not at all. */
const SHOW_PROC_MS = 2_000;

/** How often an HAProxy that is changing is looked at, ms. */
export const LOOK_EVERY_MS = 20;

/** What the master says, or why it says nothing: while it reloads it refuses, resets or answers with nothing. */
export type ProcessesOrWhy =
  | { readonly processes: Processes; readonly why?: never }
  | { readonly processes?: never; readonly why: string };

/**
 * Asks a master for its processes, once. Throws E_HAPROXY when the socket is not a master's, or does not let us; the
 * signal's reason on abort.
 */
export async function askProcesses(master: Asked, call: Call): Promise<ProcessesOrWhy> {
  let answer: string;
  try {
    answer = await master.ask("show proc", { signal: call.signal, timeoutMs: SHOW_PROC_MS });
  } catch (error) {
    call.signal.throwIfAborted();
    return { why: errorText(error) };
  }
  const processes = parseShowProc(answer);
  if (processes !== undefined) return { processes };
  if (/^(Unknown command|Permission denied)/.test(answer.trim())) {
    throw new AppError("E_HAPROXY", `${master.name} does not answer "show proc": ${firstLine(answer)}`, {
      hint: "master_socket must be the socket given with -S (or the one of `stats socket` in a program's master CLI), of level operator or admin",
    });
  }
  return { why: answer.trim() === "" ? "it closed the connection without an answer" : firstLine(answer) };
}

/** Asks until the master answers; undefined when it did not by `untilMs` (of `clock`), with what it did last. */
export async function awaitProcesses(
  master: Asked,
  untilMs: number,
  call: Call & { readonly clock: Clock },
): Promise<ProcessesOrWhy> {
  for (;;) {
    const asked = await askProcesses(master, call);
    if (asked.processes !== undefined || call.clock.monotonicMs() >= untilMs) return asked;
    await call.clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}
