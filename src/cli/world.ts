import type { Values } from "../config/resolve.ts";
import type { Logger } from "../core/logger.ts";
import { systemClock } from "../lib/system-clock.ts";
import { createTextLogger, type Level } from "../observe/text-logger.ts";

/** The logger that `--log-level` and `--log-format` ask for; it writes to stderr. */
export async function openLogger(values: Values, env: Readonly<Record<string, string | undefined>>): Promise<Logger> {
  // "critical" is a word of a replaced tool
  const level = (values["log-level"] === "critical" ? "error" : values["log-level"]) as Level;
  if (values["log-format"] === "json") return (await import("../observe/json-logger.ts")).createJsonLogger(level);
  return createTextLogger({
    level,
    colour: wantsColour(process.stderr, env),
    write: (line) => process.stderr.write(line),
    wallMs: env["JOURNAL_STREAM"] === undefined ? systemClock.wallMs : undefined,
  });
}

/** Colour only on a terminal, and never when NO_COLOR is set (no-color.org). */
export function wantsColour(stream: { isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && !env["NO_COLOR"];
}
