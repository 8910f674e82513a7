import { AppError, errorText } from "../core/errors.ts";

/** How long a clean stop may take before running commands are killed, ms. */
const SHUTDOWN_MS = 10_000;
/** How long a killed command's group has to go before we do, ms. */
const LAST_MOMENT_MS = 200;

/** What a signal means to a command. */
export interface Signals {
  /** Aborts on the first SIGTERM or SIGINT. */
  readonly stop: AbortSignal;
  /** Aborts {@link SHUTDOWN_MS} later, or on a second one. */
  readonly hardStop: AbortSignal;
  readonly onHangup: (listener: () => void) => void;
}

/**
 * Runs one command as the process: signals, exit code, and the one place where an error becomes text. The
 * command's result is the exit code; AppErrors bring their own.
 */
export async function runProcess(
  command: (argv: readonly string[], signals: Signals) => Promise<number>,
): Promise<void> {
  const signals = listen();
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

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function listen(): Signals & { close(): void } {
  const stop = new AbortController();
  const hardStop = new AbortController();
  let patience: NodeJS.Timeout | undefined;
  const onStop = (name: NodeJS.Signals) => {
    const reason = new Error(`told to stop by ${name}`);
    if (!stop.signal.aborted) {
      patience = setTimeout(() => hardStop.abort(reason), SHUTDOWN_MS);
      patience.unref();
      stop.abort(reason);
      return;
    }
    hardStop.abort(reason);
    setTimeout(() => process.exit(1), LAST_MOMENT_MS);
  };
  const hangups: (() => void)[] = [];
  const onHangup = () => {
    for (const listener of hangups) listener();
  };
  process.on("SIGTERM", onStop).on("SIGINT", onStop).on("SIGHUP", onHangup);
  return {
    stop: stop.signal,
    hardStop: hardStop.signal,
    onHangup: (listener) => hangups.push(listener),
    close() {
      clearTimeout(patience);
      process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", onHangup);
    },
  };
}
