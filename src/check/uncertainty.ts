import type { Logger } from "../core/logger.ts";
import type { Verdict } from "../core/verdict.ts";

/** Remembers of which targets it cannot be told whether they are up; said once when it begins and once when it ends. */
export interface Uncertainty {
  judged(name: string, verdict: Verdict): void;
}

/** Knows of none at first. `who` begins each line. */
export function createUncertainty(logger: Logger, who: string): Uncertainty {
  const reasons = new Map<string, string>();
  return {
    judged(name, verdict) {
      if (verdict.state !== "unknown") {
        if (reasons.size > 0 && reasons.delete(name)) logger.info(`${who}: it can be told again whether ${name} is up`);
        return;
      }
      if (reasons.get(name) === verdict.reason) return;
      reasons.set(name, verdict.reason);
      logger.warn(`${who}: cannot tell whether ${name} is up (${verdict.reason}); nothing changes because of it`);
    },
  };
}
