import { AppError, errorText } from "../core/errors.ts";
import { listenToSignals, type Signals } from "../lib/process-signals.ts";

/**
 * Runs one command as the process: signals, exit code, and the one place where an error becomes text. The
 * command's result is the exit code; AppErrors bring their own.
 */
export async function runProcess(
  command: (argv: readonly string[], signals: Signals) => Promise<number>,
): Promise<void> {
  const signals = listenToSignals();
  process.stdout.on("error", ignoreClosedPipe);
  try {
    process.exitCode = await command(process.argv.slice(2), signals);
  } catch (error) {
    if (signals.stop.aborted && !(error instanceof AppError)) {
      process.exitCode = 1;
      return;
    }
    reportError(error);
    process.exitCode = error instanceof AppError ? error.exitCode : 1;
  } finally {
    signals.close();
  }
}

/** `error[E_CONFIG] conf.d/mysql.toml: [template] src is required`, and the hint below it. */
export function reportError(error: unknown): void {
  const known = error instanceof AppError;
  const text = known ? `error[${error.code}] ${errorText(error)}` : `error[E_INTERNAL] ${stackOf(error)}`;
  process.stderr.write(`${text}\n${known && error.hint !== undefined ? `  hint: ${error.hint}\n` : ""}`);
}

/** `… --help | head`: whoever has read enough may close the pipe. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
