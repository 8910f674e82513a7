/** The environment of this process; the only place that reads it. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
