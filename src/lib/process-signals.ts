import { setMaxListeners } from "node:events";

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

/** Turns the process's signals into AbortSignals until `close`; the defaults hold again after that. */
export function listenToSignals(): Signals & { close(): void } {
  const stop = new AbortController();
  const hardStop = new AbortController();
  // one listener per wait that is under way is no leak here, however many there are
  setMaxListeners(0, stop.signal, hardStop.signal);
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
