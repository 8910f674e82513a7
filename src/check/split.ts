import type { Logger } from "../core/logger.ts";
import type { Member } from "./member.ts";

/** Watches for several servers that are up where only one can rightly be. */
export interface Split {
  readonly present: boolean;
  /** To be called whenever a verdict changed what counts. */
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

/** Said once when it begins, with each server that joins, and once when it ends. */
export function createSplit({ words, logger, who, counters }: SplitContext): Split {
  let told = "";
  return {
    get present() {
      return told !== "";
    },
    look(members, published) {
      if (words === undefined) return;
      const up = members.filter(({ memory }) => memory.health === "up").map(({ name }) => name);
      const names = up.length > 1 ? up.join(" and ") : "";
      if (names === told) return;
      if (told === "") counters.splits += 1;
      told = names;
      const kept = published.filter((name) => up.includes(name)).join(", ");
      if (names === "") logger.info(`${who}: the split is over: ${up[0] ?? "none of the servers"} is left`);
      else logger.error(`${who}: SPLIT: ${names} ${words}${kept === "" ? "" : `; ${kept} stays published`}`);
    },
  };
}
