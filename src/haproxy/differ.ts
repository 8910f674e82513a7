import { type Configuration, createConfiguration } from "./configuration.ts";
import type { Difference, HaproxyFacts, ServerRef } from "./difference.ts";
import type { Stretch } from "./layout.ts";
import { replacedServers } from "./members.ts";
import { hasServers } from "./section.ts";
import { changeSection, type Files, type SectionPair } from "./section-change.ts";
import { serverLinesOf } from "./server-line.ts";
import { settingsOf } from "./settings.ts";
import { inShort, titleOf } from "./wording.ts";

/**
 * Compares two configurations as HAProxy would read them. Comments, blanks and quoting are no difference. What a
 * running HAProxy of this version takes by command becomes steps; all else, and all that is not understood, is a reason
 * for a reload. Never throws.
 */
export function diffConfigs(before: string, after: string, facts: HaproxyFacts): Difference {
  return createDiffer()(before, after, facts);
}

/** As {@link diffConfigs}, for texts that follow one another: what it has just read is not read again. */
export function createDiffer(): typeof diffConfigs {
  let known: readonly Configuration[] = [];
  const read = (wanted: string) => known.find(({ text }) => text === wanted) ?? createConfiguration(wanted);
  return (before, after, facts) => {
    if (before === after) return { how: "nothing" };
    const files = { before: read(before), after: read(after), facts };
    known = [files.before, files.after];
    return diffFiles(files);
  };
}

function diffFiles(files: Files): Difference {
  const { pairs, removed, reasons: moved } = pairUp(files);
  const changes = pairs.map((pair) => changeSection(pair, files));
  const reasons = [
    ...wholeReasons(files.before.text, files.after.text),
    ...moved,
    ...changes.flatMap((change) => change.reasons),
  ];
  const replaced = [
    ...changes.flatMap((change) => change.replaced),
    ...removed.flatMap((one) => allServers(files, one)),
  ];
  if (reasons.length > 0) return { how: "reload", because: inShort(reasons), replaced };
  const steps = [...changes.flatMap((change) => change.steps), ...changes.flatMap((change) => change.last)];
  if (steps.length === 0) return { how: "nothing" };
  const addressesOnly = steps.every(({ command }) => /^set server \S+ addr /.test(command));
  return { how: "runtime", steps, addressesOnly, replaced };
}

/** What HAProxy refuses of a file as a whole. */
function wholeReasons(before: string, after: string): string[] {
  const reasons: string[] = [];
  if (before.endsWith("\n") !== after.endsWith("\n"))
    reasons.push("the line end of the last line was added or removed");
  if (/\0/.test(after)) reasons.push("the file has a NUL character");
  return reasons;
}

interface Pairing {
  /** Sections that stand in both files and whose texts differ. */
  readonly pairs: readonly SectionPair[];
  readonly removed: readonly Stretch[];
  readonly reasons: readonly string[];
}

/** Finds for each section of the old file that of the new. Those that are the same at both ends are not looked at. */
function pairUp(files: Files): Pairing {
  const [old, now] = [files.before, files.after];
  const { head, tail } = sameEnds(old, now);
  const then = keyed(old, old.stretches.slice(head, old.stretches.length - tail));
  const next = keyed(now, now.stretches.slice(head, now.stretches.length - tail));
  const removed = [...then].filter(([key]) => !next.has(key)).map(([, stretch]) => stretch);
  const added = [...next].filter(([key]) => !then.has(key)).map(([, stretch]) => stretch);
  const shared = [...then.keys()].filter((key) => next.has(key));
  const isInOrder = shared.join("\n") === [...next.keys()].filter((key) => then.has(key)).join("\n");
  const reasons = [
    ...removed.map((one) => `a section was removed: ${titleOf(old.section(one))}`),
    ...added.map((one) => `a section was added: ${titleOf(now.section(one))}`),
    ...(isInOrder ? [] : ["the sections stand in another order"]),
  ];
  const pairs = shared.flatMap((key) => pairOf(then.get(key), next.get(key)));
  return { pairs: pairs.filter((pair) => mayDiffer(pair, files)), removed, reasons };
}

function pairOf(before: Stretch | undefined, after: Stretch | undefined): SectionPair[] {
  return before === undefined || after === undefined ? [] : [{ before, after }];
}

/** The same text says the same, unless a line speaks of its own number or other conditions surround it. */
function mayDiffer({ before, after }: SectionPair, files: Files): boolean {
  const raw = files.after.raw(after);
  return files.before.raw(before) !== raw || before.depth !== after.depth || speaksOfLines(raw);
}

function speaksOfLines(text: string): boolean {
  return text.includes(".LINE");
}

function sameEnds(old: Configuration, now: Configuration): { head: number; tail: number } {
  const [then, next] = [old.stretches, now.stretches];
  const most = Math.min(then.length, next.length);
  if (speaksOfLines(now.text)) return { head: 0, tail: 0 };
  const isSame = (before: Stretch | undefined, after: Stretch | undefined) =>
    before !== undefined && after !== undefined && before.depth === after.depth && old.raw(before) === now.raw(after);
  let head = 0;
  while (head < most && isSame(then[head], next[head])) head++;
  let tail = 0;
  while (tail < most - head && isSame(then[then.length - 1 - tail], next[next.length - 1 - tail])) tail++;
  return { head, tail };
}

/** Sections by keyword and name; a second one of the same has its count in the key. */
function keyed(config: Configuration, stretches: readonly Stretch[]): Map<string, Stretch> {
  const found = new Map<string, Stretch>();
  const counts = new Map<string, number>();
  for (const stretch of stretches) {
    const key = `${stretch.keyword} ${config.name(stretch)}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    found.set(`${key}\u0000${count}`, stretch);
  }
  return found;
}

/** The servers of a section that is gone. */
function allServers({ before }: Files, stretch: Stretch): ServerRef[] {
  if (!hasServers(stretch)) return [];
  const section = before.section(stretch);
  return replacedServers(section, { before: serverLinesOf(section, settingsOf(before, stretch)), after: [] });
}
