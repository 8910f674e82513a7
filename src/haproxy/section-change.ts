import type { Configuration } from "./configuration.ts";
import type { HaproxyFacts, RuntimeStep, ServerRef } from "./difference.ts";
import type { Stretch } from "./layout.ts";
import { changeMembers } from "./member-changes.ts";
import { replacedServers } from "./members.ts";
import { PROXY_KEYWORDS } from "./proxy-keywords.ts";
import { hasServers, isServer, type Section } from "./section.ts";
import { serverLinesOf } from "./server-line.ts";
import { keywordOf, settingsOf } from "./settings.ts";
import { lineReasons, placeOf, showLine, textOf, titleOf } from "./wording.ts";

/** A section of the old file and the one of the new file that it became. */
export interface SectionPair {
  readonly before: Stretch;
  readonly after: Stretch;
}

/** The two files, and the HAProxy that runs the first. */
export interface Files {
  readonly before: Configuration;
  readonly after: Configuration;
  readonly facts: HaproxyFacts;
}

/** What the changes of one section come to. */
export interface SectionChange {
  readonly steps: readonly RuntimeStep[];
  /** Steps that come after those of all sections, as they wait. */
  readonly last: readonly RuntimeStep[];
  readonly reasons: readonly string[];
  readonly replaced: readonly ServerRef[];
}

/** Compares a section's two versions. */
export function changeSection({ before, after }: SectionPair, files: Files): SectionChange {
  const [old, now] = [files.before.section(before), files.after.section(after)];
  const reasons = lineReasons(old, now);
  if (!hasServers(now)) return { steps: [], last: [], reasons, replaced: [] };
  if (reasons.length === 0 && serverText(old) === serverText(now))
    return { steps: [], last: [], reasons, replaced: [] };
  const settings = settingsOf(files.after, after);
  const members = {
    before: serverLinesOf(old, settingsOf(files.before, before)),
    after: serverLinesOf(now, settings),
  };
  const scene = { section: now, settings, facts: files.facts, text: files.after.text, members };
  const change = changeMembers(scene);
  const isTouched = change.steps.length + change.last.length + change.reasons.length > 0;
  const puzzles = isTouched ? sectionPuzzles(after, files) : [];
  return { ...change, reasons: [...reasons, ...puzzles, ...change.reasons], replaced: replacedServers(now, members) };
}

/** What the lines of a section say, those of its servers and what they inherit from above them. */
function serverText(section: Section): string {
  const counts = section.lines.filter((line) => isServer(line) || line.words[0] === "default-server");
  return counts.map((line) => `${line.depth} ${textOf(line)}`).join("\n");
}

/** Why we may take servers for this section's that are another's. */
function sectionPuzzles(stretch: Stretch, { after }: Files): string[] {
  const section = after.section(stretch);
  const namesakes = after.stretches.filter((other) => hasServers(other) && mayBeNamed(other, section.name, after));
  const strange = section.lines.find((line) => !isKnown(keywordOf(line)));
  return [
    ...(namesakes.filter((other) => after.name(other) === section.name).length > 1
      ? [`${titleOf(section)}: there is more than one section of that name`]
      : []),
    ...(strange === undefined ? [] : [`${placeOf(section, strange)}: "${showLine(strange)}" is not understood`]),
  ];
}

/** False where the line that begins a section plainly has another name; there may be thousands. */
function mayBeNamed({ keyword, start }: Stretch, name: string, { text }: Configuration): boolean {
  const at = start + keyword.length + 1;
  const isUsual = text.startsWith(keyword, start) && text.startsWith(" ", at - 1);
  return !isUsual || text.startsWith(name, at) || !isPlainUpTo(text, at);
}

/** Whether the rest of the line is a name without quotes and escapes. */
function isPlainUpTo(text: string, start: number): boolean {
  for (let at = start; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\n") return at > start;
    if (char === " " || char === '"' || char === "'" || char === "\\") return false;
  }
  return true;
}

function isKnown(keyword: string): boolean {
  return PROXY_KEYWORDS.has(keyword) || /^\.[a-z]+$/.test(keyword);
}
