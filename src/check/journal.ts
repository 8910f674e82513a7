import type { Decision } from "../core/decide.ts";
import type { Logger } from "../core/logger.ts";

/** Tells what happened and what follows from it, in one line, and nothing twice. */
export interface Journal {
  /** `news` is told always, the conclusion only when it is another one than last time. */
  tell(news: string | undefined, conclusion: Conclusion | undefined): void;
  /** From now on this conclusion is known. */
  assume(words: string): void;
}

/** A decision, and its words where it has any. */
export interface Conclusion {
  readonly decision: Decision;
  readonly words: string | undefined;
}

/** `who` begins each line: `memcached mem11211`. */
export function createJournal(logger: Logger, who: string): Journal {
  let told: string | undefined;
  return {
    tell(news, conclusion) {
      const words = conclusion?.words === told ? undefined : conclusion?.words;
      if (words !== undefined) told = words;
      const line = [news, words].filter((part) => part !== undefined).join("; ");
      if (line === "") return;
      if (words !== undefined && conclusion?.decision.action === "leave") logger.warn(`${who}: ${line}`);
      else logger.info(`${who}: ${line}`);
    },
    assume(words) {
      told = words;
    },
  };
}
