import { readFileSync } from "node:fs";
import { join } from "node:path";

/** An entry of the kind patroni in a store that is a folder; undefined: there is none. */
export function readEntry(dir: string, tag: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, "haproxy", "patroni", tag), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
