/** Data of a log line. Names are fixed across the program: group target resource store key ms err. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Where a use case reports. Messages are static text; data goes into fields. Info: a state changed;
 * debug: each tick; warn: handled but degraded; error: a human is needed. A healthy second logs nothing.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}
