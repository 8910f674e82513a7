import { pino } from "pino";
import type { LogFields, Logger } from "../core/logger.ts";
import type { Level } from "./text-logger.ts";

/** One JSON object per line on stderr, through pino: `{"level":"info","time":"…","msg":"…",…}`. */
export function createJsonLogger(level: Level): Logger {
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  return adapt(root);
}

function adapt(log: pino.Logger): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: LogFields = {}) =>
      log[level](fields, message);
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => adapt(log.child(fields)),
  };
}
