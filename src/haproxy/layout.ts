import { readLine } from "./words.ts";

/** A stretch of a configuration: a line that begins a section, and all up to the next such line. */
export interface Stretch {
  /** `listen`, `global` …; empty for what stands above the first section. */
  readonly keyword: string;
  readonly start: number;
  readonly end: number;
  /** Number of its first line, from 1. */
  readonly line: number;
  /** How many `.if` are open where it begins. */
  readonly depth: number;
  /** Whether it has lines that begin with a dot: `.if`, `.endif` and their like, `.notice`. */
  readonly hasDirectives: boolean;
}

/** Every keyword that begins a section in HAProxy 2.4 to 3.4 (cfg_register_section in its sources). */
const SECTION_KEYWORDS = [
  ...["acme", "backend", "cache", "crt-store", "defaults", "fcgi-app", "frontend", "global", "healthcheck"],
  ...["http-errors", "listen", "log-forward", "log-profile", "mailers", "namespace_list", "peers", "program"],
  ...["resolvers", "ring", "traces", "userlist"],
];

const BY_FIRST_CODE: readonly (readonly string[])[] = Array.from({ length: 128 }, (_, code) =>
  SECTION_KEYWORDS.filter((keyword) => keyword.charCodeAt(0) === code),
);

const NONE: readonly string[] = [];

const [TAB, NEWLINE, CARRIAGE_RETURN, SPACE, SHARP, DOT] = [9, 10, 13, 32, 35, 46];
const [DOUBLE_QUOTE, SINGLE_QUOTE, BACKSLASH] = [34, 39, 92];

/** Cuts a configuration into its sections, in one pass that reads no more of a line than its first word. */
export function stretchesOf(text: string): Stretch[] {
  const found: Stretch[] = [];
  let open = { keyword: "", start: 0, line: 1, depth: 0, hasDirectives: false };
  let depth = 0;
  let line = 0;
  for (let start = 0, next = 0; start < text.length; start = next) {
    next = text.indexOf("\n", start) + 1 || text.length;
    line++;
    const word = firstWord(text, start, next);
    if (word === "") continue;
    if (word.startsWith(".")) {
      open.hasDirectives = true;
      depth = Math.max(0, depth + (word === ".if" ? 1 : word === ".endif" ? -1 : 0));
      continue;
    }
    found.push(closed(open, start));
    open = { keyword: word, start, line, depth, hasDirectives: false };
  }
  found.push(closed(open, text.length));
  return found;
}

function closed({ keyword, start, line, depth, hasDirectives }: Omit<Stretch, "end">, end: number): Stretch {
  return { keyword, start, end, line, depth, hasDirectives };
}

/** The word a line begins with if it begins a section or is a directive; else nothing. `end` is behind its line end. */
function firstWord(text: string, start: number, end: number): string {
  const at = afterBlanks(text, start, end);
  const code = text.charCodeAt(at);
  if (at === end || code === SHARP || text.startsWith("server ", at)) return "";
  if (code === DOT) return readFirst(text, at, end);
  for (const keyword of BY_FIRST_CODE[code] ?? NONE) {
    if (text.startsWith(keyword, at) && isBlank(text.charCodeAt(at + keyword.length), at + keyword.length >= end)) {
      return keyword;
    }
  }
  // A quote, an escape or a comment in the middle of a word: rare enough to be read in full.
  return isPlain(text, at, end) ? "" : readFirst(text, at, end);
}

function afterBlanks(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at), false)) at++;
  return at;
}

function isBlank(code: number, isPastEnd: boolean): boolean {
  return isPastEnd || code === SPACE || (code >= TAB && code <= CARRIAGE_RETURN);
}

function isPlain(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === SPACE || code === NEWLINE || isBlank(code, false)) return true;
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE || code === BACKSLASH || code === SHARP) return false;
  }
  return true;
}

function readFirst(text: string, start: number, end: number): string {
  const word = readLine(text.slice(start, end).replace(/\n$/, ""), 0).words[0] ?? "";
  return word.startsWith(".") || SECTION_KEYWORDS.includes(word) ? word : "";
}
