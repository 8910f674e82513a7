import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";

/** How long the watch has to show what we know by ourselves before the key is read. */
const CONFIRM_MS = 1_000;

/** What is known here by ourselves, and how to read it anew. */
export interface Confirmable {
  /** What is known is what the watch told last. */
  isTold(): boolean;
  /** Learns what the store has. */
  read(): Promise<void>;
  /** Something is to be decided anew. */
  onChange(): void;
}

/**
 * The way to find out whether we and the store mean the same when we know of something by ourselves: by a write of our own, or
 * by reading after a lost one. A watch tells of changes of content, so it is silent when somebody puts back, quickly
 * enough, what it told last. Resolves when what is known is what it told. Rejects only for a bug.
 */
export function createConfirmation(
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  { isTold, read, onChange }: Confirmable,
): () => Promise<void> {
  let running = false;

  async function untilTold(): Promise<void> {
    while (!isTold()) {
      await clock.sleep(CONFIRM_MS, signal).catch(() => {});
      if (signal.aborted || isTold()) return;
      try {
        await read();
        onChange();
      } catch (error) {
        // The watch, which lives by the same store, tells of its trouble; here it is only tried again.
        if (!signal.aborted && !(error instanceof AppError)) throw error;
      }
    }
  }

  return async () => {
    if (running) return;
    running = true;
    try {
      await untilTold();
    } finally {
      running = false;
    }
  };
}
