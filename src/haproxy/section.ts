import type { Stretch } from "./layout.ts";
import { type ConfigLine, readLine } from "./words.ts";

/** A line of a section that is no comment, with what surrounds it. */
export interface SectionLine extends ConfigLine {
  /** How many `.if` are open around it. */
  readonly depth: number;
}

/** A section, read in full. */
export interface Section extends Stretch {
  /** Its second word: `web` in `listen web`; empty where there is none. */
  readonly name: string;
  /** The line that begins it; undefined for what stands above the first section. */
  readonly header: ConfigLine | undefined;
  /** All lines below the header that say something, directives included. */
  readonly lines: readonly SectionLine[];
}

/** Reads all lines of one section of `text`. */
export function readSection(text: string, stretch: Stretch): Section {
  const lines: SectionLine[] = [];
  let header: ConfigLine | undefined;
  let depth = stretch.depth;
  let number = stretch.line;
  for (const raw of linesOf(text.slice(stretch.start, stretch.end))) {
    const line = readLine(raw, number++);
    const first = line.words[0];
    if (first === undefined && line.broken === undefined) continue;
    if (header === undefined && stretch.keyword !== "") {
      header = line;
      continue;
    }
    if (first === ".endif") depth = Math.max(0, depth - 1);
    lines.push({ number: line.number, words: line.words, hasVariable: line.hasVariable, broken: line.broken, depth });
    if (first === ".if") depth++;
  }
  return { ...stretch, name: header?.words[1] ?? "", header, lines };
}

/** The name in the line that begins a section, read alone. */
export function nameOf(text: string, stretch: Stretch): string {
  if (stretch.keyword === "") return "";
  const end = text.indexOf("\n", stretch.start);
  return readLine(text.slice(stretch.start, end === -1 ? stretch.end : end), stretch.line).words[1] ?? "";
}

/** Whether the section has servers that take traffic: `server` means another thing in `peers` and `ring`. */
export function hasServers(stretch: Stretch): boolean {
  return stretch.keyword === "listen" || stretch.keyword === "backend";
}

/** Whether the line declares a server. */
export function isServer(line: ConfigLine): boolean {
  return line.words[0] === "server";
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
