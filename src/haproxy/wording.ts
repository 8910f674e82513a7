import { hasServers, type Section, type SectionLine } from "./section.ts";
import type { ConfigLine } from "./words.ts";

const MOST_REASONS = 10;
const MOST_CHARACTERS = 100;

/** Words after which a line may hold a secret: nothing that follows them is shown. */
const SECRETS = /auth|passw|secret|token|credential|private|key|^user$|^set-header$|^add-header$/i;

/** How a section is named in a message: `listen web`, `global section`. */
export function titleOf(section: Section): string {
  if (section.keyword === "") return "above the first section";
  const isNamed = section.name !== "" && section.keyword !== "global";
  return isNamed ? `${section.keyword} ${clean(section.name)}` : `${section.keyword} section`;
}

/** Where a line stands: `listen web (line 12)`. There is one global section, so its lines need no number. */
export function placeOf(section: Section, line: ConfigLine): string {
  return section.keyword === "global" ? titleOf(section) : `${titleOf(section)} (line ${line.number})`;
}

/** How a server is named in a message. */
export function serverTitle(section: Section, name: string): string {
  return `server ${clean(section.name)}/${clean(name)}`;
}

/** A line for a message: one that may hold a secret only up to the word that says so, a long one not to its end. */
export function showLine(line: ConfigLine): string {
  const secret = line.words.findIndex((word) => SECRETS.test(word));
  if (secret === -1) return clip(line.words.map(showWord).join(" "));
  const keyword = line.words[secret] ?? "";
  const words = [...line.words.slice(0, secret), ...(/^[\w-]+$/.test(keyword) ? [keyword] : [])];
  return `${clip(words.map(showWord).join(" "))} …`.trimStart();
}

/** A word for a message: in quotes where it would not be one word else, without control characters. */
export function showWord(word: string): string {
  return /^[^\s"'\\#]+$/.test(word) ? clean(word) : `'${clean(word)}'`;
}

/** What a changed line says in a message: `maxconn 4000 → 8000` where one number changes, else both lines. */
export function showChange(before: ConfigLine, after: ConfigLine): string {
  const [old, now] = [before.words.at(-1) ?? "", after.words.at(-1) ?? ""];
  const isOneNumber =
    before.words.length === after.words.length &&
    before.words.slice(0, -1).join(" ") === after.words.slice(0, -1).join(" ") &&
    /^\d+(us|ms|s|m|h|d)?$/.test(old) &&
    /^\d+(us|ms|s|m|h|d)?$/.test(now);
  if (isOneNumber && showLine(before).endsWith(old)) return `${showLine(before)} → ${now}`;
  const [from, to] = [showLine(before), showLine(after)];
  return from === to ? `${from} has changed` : `${from} → ${to}`;
}

/** The first ten reasons, and how many more there are. */
export function inShort(reasons: readonly string[]): string[] {
  const different = [...new Set(reasons)];
  if (different.length <= MOST_REASONS) return different;
  return [...different.slice(0, MOST_REASONS), `and ${different.length - MOST_REASONS} more`];
}

/** What two versions of a section differ in, server lines of listen and backend left out. */
export function lineReasons(before: Section, after: Section): string[] {
  const header = textOf(before.header) === textOf(after.header) ? [] : [headerChange(before, after)];
  const removed = otherLines(before);
  const added = otherLines(after);
  if (removed.map(depthAndText).join("\n") === added.map(depthAndText).join("\n")) return header;
  const [lost, won] = [without(removed, added), without(added, removed)];
  if (lost.length === 0 && won.length === 0) return [...header, `${titleOf(after)}: its lines stand in another order`];
  return [...header, ...pairUp([before, after], [lost, won])];
}

function headerChange(before: Section, after: Section): string {
  if (before.header === undefined || after.header === undefined) return `${titleOf(after)} has changed`;
  return `${placeOf(after, after.header)}: ${showChange(before.header, after.header)}`;
}

function pairUp([before, after]: [Section, Section], [lost, won]: [SectionLine[], SectionLine[]]): string[] {
  const left = [...won];
  const reasons = lost.map((line) => {
    const at = left.findIndex((other) => other.words[0] === line.words[0]);
    const [now] = at === -1 ? [] : left.splice(at, 1);
    if (now === undefined) return `${placeOf(before, line)}: "${showLine(line)}" was removed`;
    return `${placeOf(after, now)}: ${showChange(line, now)}`;
  });
  return [...reasons, ...left.map((line) => `${placeOf(after, line)}: "${showLine(line)}" was added`)];
}

/** Every line but the servers'. A broken one counts with its number: we do not know what it says. */
function otherLines(section: Section): SectionLine[] {
  return section.lines.filter((line) => !(hasServers(section) && line.words[0] === "server"));
}

function without(lines: readonly SectionLine[], others: readonly SectionLine[]): SectionLine[] {
  const counts = new Map<string, number>();
  for (const line of others) counts.set(depthAndText(line), (counts.get(depthAndText(line)) ?? 0) + 1);
  return lines.filter((line) => {
    const left = counts.get(depthAndText(line)) ?? 0;
    counts.set(depthAndText(line), left - 1);
    return left <= 0;
  });
}

function depthAndText(line: SectionLine): string {
  return `${line.depth}\u0001${textOf(line)}`;
}

/** What a line says, for comparing: words cannot hold the separators unescaped, and lengths tell the rest. */
export function textOf(line: ConfigLine | undefined): string {
  return line === undefined ? "" : JSON.stringify([line.words, line.broken ?? ""]);
}

function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not get into a log
  return clip(text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ""));
}

function clip(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}
