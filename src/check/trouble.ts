import type { Clock } from "../core/clock.ts";
import { AppError, type ErrorCode, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { formatMs } from "../lib/duration.ts";

/** Something that stopped working and is tried again without end: said once when it begins and once when it ends. */
export interface Trouble {
  readonly present: boolean;
  /** Throws `error` when it is a bug and not the outside world. */
  met(error: unknown): void;
  over(): void;
}

/** What is said, before and after. */
export interface TroubleWords {
  /** `cannot read the entry`: the error's text follows. */
  readonly begins: string;
  /** What goes on meanwhile. */
  readonly meanwhile: string;
  /** `the entry can be read again`: the duration follows. */
  readonly ends: string;
}

/** A change of the error's code is said anew: "unreachable" that turns into "denied" needs another person. */
export function createTrouble(words: TroubleWords, logger: Logger, clock: Clock): Trouble {
  let code: ErrorCode | undefined;
  let sinceMs = 0;
  return {
    get present() {
      return code !== undefined;
    },
    met(error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === code) return;
      if (code === undefined) sinceMs = clock.monotonicMs();
      code = error.code;
      const hint = error.hint === undefined ? "" : ` (${error.hint})`;
      logger.warn(`${words.begins}: ${errorText(error)}${hint}; ${words.meanwhile}`, { err: error.code });
    },
    over() {
      if (code === undefined) return;
      code = undefined;
      logger.info(`${words.ends}, after ${formatMs(clock.monotonicMs() - sinceMs)}`);
    },
  };
}
