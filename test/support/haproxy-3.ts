import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where scripts/setup.sh puts a HAProxy 3 from a later release of the distribution, with libraries of its own. */
const CACHED_BINARY = join(import.meta.dirname, "../../.cache/haproxy-3/haproxy");

/** One HAProxy to test with, as `describe.each` shows it. */
export interface HaproxyBinary {
  readonly version: string;
  readonly binary: string;
}

/** A HAProxy 3 beside the machine's: $HAPROXY_3, else the project's own; undefined where it could not be fetched. */
export function haproxy3Binary(): string | undefined {
  const chosen = process.env["HAPROXY_3"];
  if (chosen !== undefined && chosen !== "") return chosen;
  return existsSync(CACHED_BINARY) ? CACHED_BINARY : undefined;
}

/** The machine's HAProxy, and a HAProxy 3 where there is one: for `describe.each`. */
export function haproxyBinaries(): readonly HaproxyBinary[] {
  const third = haproxy3Binary();
  const own = { version: "the machine's", binary: "haproxy" };
  return third === undefined ? [own] : [own, { version: "3", binary: third }];
}
