import type { Flag } from "../config/flag.ts";

/** The words of a command line as commander is to see them. */
export interface SpelledLine {
  readonly words: readonly string[];
  /** Words that were read as a short option and its value though they might be a misspelt long one, explained. */
  readonly guesses: readonly string[];
}

/**
 * Options as the replaced tools take them, spelled with two dashes: Go's flag package, and so confd, takes `-onetime`
 * for `--onetime`; getopt, and so happac, takes `-kreplica` for `-k replica`. A known long name goes before a short
 * one with its value. What is the value of an option, or stands behind `--`, stays as it is.
 */
export function spellOut(flags: readonly Flag[], argv: readonly string[]): SpelledLine {
  const known = knownOf(flags);
  const words: string[] = [];
  const guesses: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") return { words: [...words, ...argv.slice(at)], guesses };
    const spelled = spell(word, known);
    words.push(...spelled);
    if (isGuess(word, spelled)) guesses.push(`${word} was read as ${spelled.join(" ")}`);
    const next = argv[at + 1];
    if (next === undefined || !awaitsValue(spelled.at(-1) ?? "", known)) continue;
    words.push(next);
    at += 1;
  }
  return { words, guesses };
}

interface Known {
  /** By name and alias; undefined for `help` and for what switches off. */
  readonly long: ReadonlyMap<string, Flag | undefined>;
  readonly short: ReadonlyMap<string, Flag>;
}

function knownOf(flags: readonly Flag[]): Known {
  const long = new Map<string, Flag | undefined>([["help", undefined]]);
  const short = new Map<string, Flag>();
  for (const flag of flags) {
    if (flag.short !== undefined) short.set(flag.short, flag);
    for (const name of [flag.name, ...(flag.aliases ?? [])]) long.set(name, flag).set(`no-${name}`, undefined);
  }
  return { long, short };
}

function spell(word: string, known: Known): readonly string[] {
  if (!/^-[a-zA-Z]./s.test(word)) return [word];
  const isLong = known.long.has(word.slice(1).replace(/=.*$/s, ""));
  return (isLong ? undefined : spellShort(word, known)) ?? [looksLong(word) ? `-${word}` : word];
}

/** Undefined: it is no short option with something behind it. */
function spellShort(word: string, known: Known): readonly string[] | undefined {
  const flag = known.short.get(word.charAt(1));
  const rest = word.slice(2);
  if (flag === undefined) return undefined;
  if (flag.type === "boolean")
    return known.short.has(rest.charAt(0)) ? [`-${word.charAt(1)}`, ...spell(`-${rest}`, known)] : undefined;
  // `-host=db1` can only be meant as a long one, and so can `-port5555`
  if (/^-[a-zA-Z][a-zA-Z0-9-]+=/.test(word) || (flag.type === "integer" && /^[a-zA-Z]/.test(rest))) return undefined;
  return [`--${flag.name}=${rest.replace(/^=/, "")}`];
}

function looksLong(word: string): boolean {
  return /^-[a-zA-Z][a-zA-Z0-9-]+(=.*)?$/s.test(word);
}

function isGuess(word: string, spelled: readonly string[]): boolean {
  return /^-[a-zA-Z][a-zA-Z0-9-]+$/.test(word) && /^--[^=]+=/.test(spelled.at(-1) ?? "");
}

function awaitsValue(word: string, { long, short }: Known): boolean {
  const flag = word.startsWith("--") ? long.get(word.slice(2)) : short.get(word.slice(1));
  return flag !== undefined && flag.type !== "boolean" && word.startsWith("-");
}
