import type { Logger } from "../core/logger.ts";
import type { Member } from "./member.ts";

/** Watches for several servers that are up where only one can rightly be. */
export interface Split {
  readonly present: boolean;
  /** To be called with each verdict. */
  look(members: readonly Member[], published: readonly string[]): void;
}

/** What is said, and counted. */
export interface SplitContext {
  /** Completes `a and b both …`; undefined: several may well be up. */
  readonly words: string | undefined;
  readonly logger: Logger;
  readonly who: string;
  readonly counters: { splits: number };
}

/**
 * Said once when it begins, with each server that joins, and once when it ends. In a handover the new one may be heard
 * before the old one was asked again: that is no split, so each has to say so once more after it was first seen.
 */
export function createSplit({ words, logger, who, counters }: SplitContext): Split {
  let told = "";
  /** The latest answer of all when several were up for the first time. */
  let suspectedMs: number | undefined;

  function isConfirmed(up: readonly Member[]): boolean {
    const answersMs = up.map(({ judgedMs }) => judgedMs);
    suspectedMs ??= Math.max(...answersMs);
    return Math.min(...answersMs) > suspectedMs;
  }

  function tell(up: readonly string[], published: readonly string[]): void {
    const names = up.length > 1 ? up.join(" and ") : "";
    if (names === told) return;
    if (told === "") counters.splits += 1;
    told = names;
    const kept = published.filter((name) => up.includes(name)).join(", ");
    if (names === "") logger.info(`${who}: the split is over: ${up[0] ?? "none of the servers"} is left`);
    else logger.error(`${who}: SPLIT: ${names} ${words}${kept === "" ? "" : `; ${kept} stays published`}`);
  }

  return {
    get present() {
      return told !== "";
    },
    look(members, published) {
      if (words === undefined) return;
      const up = members.filter(({ memory, verdict }) => memory.health === "up" && verdict?.state === "up");
      if (up.length < 2) suspectedMs = undefined;
      else if (!isConfirmed(up)) return;
      tell(
        up.map(({ name }) => name),
        published,
      );
    },
  };
}
