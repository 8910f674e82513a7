import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";

/** Told apart by their stacks; a fault that comes back each second is told once. */
const MOST_TOLD = 100;

/**
 * Keeps the process alive when an error is thrown where nobody can catch it: by a plugin's socket without a listener
 * for errors, by a promise nobody waits for. In a process of many tags it must not end the others. Returns how to undo.
 */
export function surviveFaults(logger: Logger): () => void {
  const told = new Set<string>();
  const onFault = (error: unknown) => {
    // The log itself is gone: telling that in the log would go round in circles.
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === "EPIPE") throw error;
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (told.has(stack) || told.size >= MOST_TOLD) return;
    told.add(stack);
    logger.error(`an error that nobody caught (${errorText(error)}); all tags go on`, { stack });
  };
  process.on("uncaughtException", onFault).on("unhandledRejection", onFault);
  return () => {
    process.off("uncaughtException", onFault).off("unhandledRejection", onFault);
  };
}
