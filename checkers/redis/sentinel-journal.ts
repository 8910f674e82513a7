import type { Logger } from "../../src/core/logger.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import type { SentinelReport } from "./sentinel-report.ts";

/** Tells a person what happens to the Sentinels; nothing twice. */
export interface SentinelJournal {
  answered(sentinel: Target, report: SentinelReport): void;
  /** It did not answer what was asked, and why. */
  silent(sentinel: Target, reason: string): void;
  /** It does not let us listen to it, and why. */
  deaf(sentinel: Target, reason: string): void;
  /** It has published a new master. */
  switched(sentinel: Target, master: string): void;
}

/** `who` begins each line; `sentinels` is how many the user has named. */
export function createSentinelJournal(
  logger: Logger,
  names: { readonly who: string; readonly masterName: string; readonly sentinels: number },
): SentinelJournal {
  const { who, masterName, sentinels } = names;
  const told = new Map<string, string>();
  let lastSwitch: string | undefined;

  /** False when this was the last that was said of the subject. */
  function isNews(subject: string, words: string): boolean {
    if (told.get(subject) === words) return false;
    told.set(subject, words);
    return true;
  }

  function warn(subject: string, words: string): void {
    if (isNews(subject, words)) logger.warn(`${who}: ${words}`);
  }

  return {
    answered(sentinel, report) {
      const name = targetName(sentinel);
      if (report.vote === "stranger") {
        warn(name, `Sentinel ${name} watches no master called "${masterName}"`);
        return;
      }
      if (told.delete(name)) logger.info(`${who}: Sentinel ${name} answers again`);
      if (report.sentinels <= sentinels) return;
      const known = `${report.sentinels} Sentinels watch ${masterName}`;
      warn("too few", `${known}, but --sentinel names ${sentinels}: name them all, or the majority is not theirs`);
    },
    silent(sentinel, reason) {
      const name = targetName(sentinel);
      warn(name, `Sentinel ${name} cannot be asked (${reason})`);
    },
    deaf(sentinel, reason) {
      const name = targetName(sentinel);
      warn(`ear ${name}`, `cannot listen to Sentinel ${name} (${reason}): it is only asked, each --interval`);
    },
    switched(sentinel, master) {
      if (lastSwitch === master) return;
      lastSwitch = master;
      logger.info(`${who}: Sentinel ${targetName(sentinel)} has made ${master} the master`);
    },
  };
}
