import type { LogFields, Logger } from "../../src/core/logger.ts";

/** One recorded log line. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that only remembers. */
export interface CaptureLogger extends Logger {
  /** Every line so far, of the children too, in order. */
  readonly lines: readonly LogLine[];
  /** The messages of one level, or of all. */
  messages(level?: LogLine["level"]): string[];
  /** Forgets the lines so far. */
  clear(): void;
}

/** Creates a logger whose lines a test can look at. */
export function createCaptureLogger(): CaptureLogger {
  const lines: LogLine[] = [];
  return {
    ...record(lines, {}),
    lines,
    messages: (level) =>
      lines.filter((line) => level === undefined || line.level === level).map((line) => line.message),
    clear() {
      lines.length = 0;
    },
  };
}

function record(lines: LogLine[], always: LogFields): Logger {
  const at =
    (level: LogLine["level"]) =>
    (message: string, fields: LogFields = {}) => {
      lines.push({ level, message, fields: { ...always, ...fields } });
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => record(lines, { ...always, ...fields }),
  };
}
