import type { Logger } from "../core/logger.ts";
import type { Conclusion } from "./words.ts";

/** Tells what happened and what follows from it, in one line, and nothing twice. */
export interface Journal {
  /** `news` is told always, the conclusion only when it is another one than last time. */
  tell(news: string | undefined, conclusion: Conclusion | undefined): void;
  /** From now on the conclusion with this subject is known. */
  assume(subject: string): void;
}

/** `who` begins each line: `memcached mem11211`. */
export function createJournal(logger: Logger, who: string): Journal {
  let told: string | undefined;
  return {
    tell(news, conclusion) {
      const isNew = conclusion !== undefined && conclusion.subject !== told;
      if (isNew) told = conclusion.subject;
      const line = [news, isNew ? conclusion.words : undefined].filter((part) => part !== undefined).join("; ");
      if (line === "") return;
      if (isNew && conclusion.isTrouble) logger.warn(`${who}: ${line}`);
      else logger.info(`${who}: ${line}`);
    },
    assume(subject) {
      told = subject;
    },
  };
}
