import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { RuntimeStep } from "./difference.ts";
import { whyNot } from "./processes.ts";
import { quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { untilUnused } from "./unused-server.ts";

/** A step was not done, or it is not known whether it was. */
export class StepsError extends AppError {
  /** What was done, in order, and last a step that may have been done: its answer did not come. */
  readonly begun: readonly RuntimeStep[];

  /** `error`: why; its words are in the message. */
  constructor(message: string, begun: readonly RuntimeStep[], error: unknown) {
    const hint = error instanceof AppError ? error.hint : undefined;
    super("E_HAPROXY", message, hint === undefined ? {} : { hint });
    this.begun = begun;
  }
}

/**
 * Gives the steps in order, one at a time, each answer judged; throws a StepsError (E_HAPROXY) at the first that is not
 * done. An abort is heeded before the first step and while a step waits for sessions to end, never between others: what
 * was begun is brought to its end. `timeoutMs` is for each answer, and for each wait for sessions.
 */
export async function runSteps(
  socket: RuntimeSocket,
  steps: readonly RuntimeStep[],
  call: Call & { readonly clock: Clock },
): Promise<void> {
  call.signal.throwIfAborted();
  const done: RuntimeStep[] = [];
  for (const step of steps) {
    if (step.waitsForSessions === true) await awaitItsTurn(socket, { step, done }, call);
    const reply = await give(socket, step.command, call).catch((error: unknown) => {
      throw new StepsError(`${whyNot(error)}${soFar(done, steps)}`, [...done, step], error);
    });
    if (!step.isDone(reply)) {
      const message = `HAProxy at ${socket.name}: "${step.command}" was answered with ${quoteReply(reply)}`;
      throw new StepsError(`${message}${soFar(done, steps)}`, done, undefined);
    }
    done.push(step);
  }
}

/**
 * Takes back steps that were done, last first. Goes on after one that cannot be taken back, and throws E_HAPROXY with
 * all of those at the end. Steps that nothing takes back are left.
 */
export async function undoSteps(socket: RuntimeSocket, steps: readonly RuntimeStep[], call: Call): Promise<void> {
  const failed: string[] = [];
  for (const { undo } of steps.toReversed()) {
    if (undo === undefined) continue;
    try {
      const reply = await give(socket, undo, call);
      if (!UNDONE.test(reply)) failed.push(`"${undo}" was answered with ${quoteReply(reply)}`);
    } catch (error) {
      failed.push(errorText(error));
    }
  }
  if (failed.length === 0) return;
  throw new RuntimeError(
    "refused",
    `HAProxy at ${socket.name} was not brought back to what it was: ${failed.join("; ")}`,
  );
}

/** What commands answer when they were done, whatever they are; 3.0 and later say `nothing changed` of an address. */
const UNDONE =
  /^(?:|nothing changed|New server registered\.|Server deleted\.|(?:IP changed|port changed|no need to change)(?!.*can't change).*)$/;

/** Not to be interrupted: whether it was done would not be known. */
function give(socket: RuntimeSocket, command: string, { timeoutMs }: Call): Promise<string> {
  const { signal } = new AbortController();
  return socket.ask(command, timeoutMs === undefined ? { signal } : { signal, timeoutMs });
}

async function awaitItsTurn(
  socket: RuntimeSocket,
  { step, done }: { readonly step: RuntimeStep; readonly done: readonly RuntimeStep[] },
  call: Call & { readonly clock: Clock },
): Promise<void> {
  try {
    await untilUnused(socket, step.about, call);
  } catch (error) {
    call.signal.throwIfAborted();
    throw new StepsError(`"${step.command}" was not tried: ${whyNot(error)}`, done, error);
  }
}

function soFar(done: readonly RuntimeStep[], steps: readonly RuntimeStep[]): string {
  return steps.length === 1 ? "" : ` (step ${done.length + 1} of ${steps.length}; those before it were done)`;
}
