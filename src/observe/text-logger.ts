import type { LogFields, Logger } from "../core/logger.ts";

/** The levels, least first, as `--log-level` names them. */
export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** Where text goes and how it looks. */
export interface TextLoggerOptions {
  readonly level: Level;
  /** Colour, for a terminal. */
  readonly colour: boolean;
  readonly write: (line: string) => void;
  /** Wall clock ms, for the time in front; undefined leaves it out, as journald has its own. */
  readonly wallMs: (() => number) | undefined;
}

const PAINT: Readonly<Record<Level, string>> = {
  debug: "\x1b[2m",
  info: "\x1b[36m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const RESET = "\x1b[0m";

/**
 * A log for reading: one line `time level message field=value …`; what has several lines (a command's
 * output) and the hint stand below it, indented. Control characters cannot forge a line.
 */
export function createTextLogger(options: TextLoggerOptions, base: LogFields = {}): Logger {
  const least = LEVELS.indexOf(options.level);
  const log =
    (level: Level) =>
    (message: string, fields: LogFields = {}) => {
      if (LEVELS.indexOf(level) < least) return;
      options.write(formatLine(level, message, { ...base, ...fields }, options));
    };
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: (fields) => createTextLogger(options, { ...base, ...fields }),
  };
}

function formatLine(level: Level, message: string, fields: LogFields, options: TextLoggerOptions): string {
  // messages name their group in words; the field is for machines
  const { hint, stack, group: _, ...rest } = fields;
  const [first = "", ...below] = printable(message).split("\n");
  const time = options.wallMs === undefined ? "" : `${new Date(options.wallMs()).toISOString()} `;
  const word = options.colour ? `${PAINT[level]}${level.padEnd(5)}${RESET}` : level.padEnd(5);
  const pairs = Object.entries(rest).filter(([, value]) => value !== undefined && value !== "");
  const tail = pairs.map(([key, value]) => `  ${key}=${quoted(String(value))}`).join("");
  const lower = [
    ...below,
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ...(stack === undefined ? [] : String(stack).split("\n")),
  ];
  return `${time}${word} ${first}${tail}\n${lower.map((line) => `      ${printable(line)}\n`).join("")}`;
}

function quoted(value: string): string {
  return /[\s"]/.test(value) || value === "" ? JSON.stringify(value) : printable(value);
}

/** Newlines stay (the caller lays them out); other control characters become visible. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
