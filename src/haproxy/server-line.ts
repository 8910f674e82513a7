import { type Address, readAddress } from "./address.ts";
import { isServer, type Section, type SectionLine } from "./section.ts";
import { type Keyword, readKeywords } from "./server-keywords.ts";
import type { Settings } from "./settings.ts";

/** A `server` line with what `default-server` gives it. */
export interface ServerLine {
  readonly name: string;
  readonly line: SectionLine;
  /** As written. */
  readonly addressWord: string;
  readonly address: Address;
  /** Those of `default-server` first, then its own: the last of a name counts. */
  readonly keywords: readonly Keyword[];
  /** A word of the line, or of a `default-server` line that applies, that is not understood. */
  readonly unknown: string | undefined;
}

/** Names that need no quoting in a runtime command: HAProxy allows no others but by a mistake it refuses itself. */
const PLAIN_NAME = /^[A-Za-z0-9_.:-]+$/;

/** Whether a section's or a server's name can be written in a runtime command as it is. */
export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name);
}

/** The servers of a section in file order. A `default-server` line counts for those below it, as in HAProxy. */
export function serverLinesOf(section: Section, settings: Settings): ServerLine[] {
  const servers: ServerLine[] = [];
  const given: Keyword[] = [];
  let unknown: string | undefined;
  const give = (line: SectionLine) => {
    const keywords = readKeywords(line.words.slice(1));
    given.push(...keywords.known);
    unknown ??= keywords.unknown ?? (line.depth > 0 || line.hasVariable ? "default-server" : undefined);
  };
  for (const line of settings.defaultServers) give(line);
  for (const line of section.lines) {
    if (line.words[0] === "default-server") give(line);
    if (!isServer(line)) continue;
    const [, name = "", addressWord = "", ...rest] = line.words;
    const own = readKeywords(rest);
    const address: Address = line.hasVariable ? { kind: "other" } : readAddress(addressWord);
    servers.push({
      name,
      line,
      addressWord,
      address,
      keywords: [...given, ...own.known],
      unknown: own.unknown ?? unknown,
    });
  }
  return servers;
}

/** The value of a keyword that takes one; undefined where it is not said. */
export function keywordValue(server: ServerLine, keyword: string): string | undefined {
  return server.keywords.findLast(({ name }) => name === keyword)?.values[0];
}

/** Whether a keyword is on: said, and not taken back by its `no-` form later. */
export function isOn(server: ServerLine, keyword: string): boolean {
  return server.keywords.findLast(({ name }) => name === keyword || name === `no-${keyword}`)?.name === keyword;
}

/** Whether it begins in maintenance. */
export function isDisabled(server: ServerLine): boolean {
  return server.keywords.findLast(({ name }) => name === "disabled" || name === "enabled")?.name === "disabled";
}

/** 0 to 256, 1 when not said; undefined for what is no such number. */
export function weightOf(server: ServerLine): number | undefined {
  return wholeNumber(keywordValue(server, "weight") ?? "1", 256);
}

/** 0, which is no limit, when not said; undefined for what is no such number. */
export function maxconnOf(server: ServerLine): number | undefined {
  return wholeNumber(keywordValue(server, "maxconn") ?? "0", 2 ** 31 - 1);
}

/** A decimal number from 0 to `most`; undefined for all else. */
export function wholeNumber(text: string, most: number): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}
