import type { HaproxyFacts } from "./difference.ts";

/**
 * Reads the version out of the answer to `show info` (`Version: 2.6.12-1+deb12u1`) or the first line of `haproxy -v`
 * (`HAProxy version 2.6.12-1+deb12u1 2023/12/16`); undefined when there is none.
 */
export function parseVersion(text: string): HaproxyFacts | undefined {
  const match = /\bversion:?\s+(\d{1,3})\.(\d{1,3})\b/i.exec(text);
  return match === null ? undefined : { version: [Number(match[1]), Number(match[2])] };
}

/** Whether this HAProxy is of that version or a later one. */
export function isAtLeast(facts: HaproxyFacts, major: number, minor: number): boolean {
  const [itsMajor, itsMinor] = facts.version;
  return itsMajor > major || (itsMajor === major && itsMinor >= minor);
}
