import type { Checker } from "./checker.ts";
import type { OptionValues } from "./option.ts";

/** What to say of several targets that are up at a time, where only one can rightly be; else undefined. */
export function exclusiveWords({ exclusive }: Checker, options: OptionValues): string | undefined {
  return typeof exclusive === "function" ? exclusive(options) : exclusive;
}
