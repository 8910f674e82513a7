import type { Configuration } from "./configuration.ts";
import type { Stretch } from "./layout.ts";
import { PROXY_KEYWORDS } from "./proxy-keywords.ts";
import type { Section, SectionLine } from "./section.ts";

/** What the servers of a section inherit from it and from the `defaults` above it. */
export interface Settings {
  /** Why it cannot be told, in words; undefined when it can. */
  readonly unknownBecause: string | undefined;
  /** Every line that applies but `server`, of the defaults first; incomplete when something is unknown. */
  readonly lines: readonly SectionLine[];
  /** The `default-server` lines of the defaults; those of the section count from where they stand. */
  readonly defaultServers: readonly SectionLine[];
}

/** Settings whose value decides something here: a variable in them makes them unknown. */
const DECISIVE: ReadonlySet<string> = new Set(["balance", "default-server", "hash-type", "mode"]);

/** The settings of a `listen` or `backend` section; each is found when first asked for. */
export function settingsOf(config: Configuration, stretch: Stretch): Settings {
  const section = config.section(stretch);
  const { chain, missing } = defaultsAbove(config, section);
  const lines = once(() =>
    [...chain, section].flatMap((one) => one.lines).filter((line) => line.words[0] !== "server"),
  );
  const because = once(() => missing ?? firstOf([...chain, section], whyConditional) ?? firstOf(lines(), whyUnknown));
  return {
    get unknownBecause() {
      return because();
    },
    get lines() {
      return lines();
    },
    defaultServers: chain.flatMap((one) => one.lines.filter((line) => line.words[0] === "default-server")),
  };
}

function once<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => {
    found ??= { value: find() };
    return found.value;
  };
}

/** The words after the last line that begins with `keyword`; undefined when there is none. */
export function lastSetting(settings: Settings, keyword: string): readonly string[] | undefined {
  return settings.lines.findLast((line) => line.words[0] === keyword)?.words.slice(1);
}

/** Whether any line begins with one of the keywords; which one. */
export function firstPresent(settings: Settings, keywords: ReadonlySet<string>): string | undefined {
  return settings.lines.find((line) => keywords.has(line.words[0] ?? ""))?.words[0];
}

/**
 * The `defaults` sections that apply, the farthest first: the last one above, or the one named by `from`, and so on
 * from there. A `defaults` without `from` begins anew (2.4 and later).
 */
function defaultsAbove(config: Configuration, section: Section): { chain: Section[]; missing: string | undefined } {
  const chain: Section[] = [];
  let current = section;
  for (;;) {
    const from = parentOf(current);
    if (from === undefined && current.keyword === "defaults") return { chain, missing: undefined };
    const above = config.defaults.filter((one) => one.start < current.start);
    const found = from === undefined ? above.slice(-1) : above.filter((one) => config.name(one) === from);
    const [only] = found;
    if (only === undefined || found.length > 1) return { chain, missing: whyMissing(from, found.length) };
    current = config.section(only);
    chain.unshift(current);
  }
}

function whyMissing(from: string | undefined, count: number): string {
  if (from === undefined) return "no defaults section stands above it in this file, so another file's may apply";
  return count === 0 ? `defaults "${from}" is not above it in this file` : `there are several defaults "${from}"`;
}

/** `listen web from db`, `defaults db from base`, `defaults from base`. */
function parentOf(section: Section): string | undefined {
  const words = section.header?.words ?? [];
  const at = words.indexOf("from", section.keyword === "defaults" ? 1 : 2);
  return at === -1 ? undefined : (words[at + 1] ?? "");
}

function whyConditional(section: Section): string | undefined {
  if (section.depth === 0 && !section.hasDirectives) return undefined;
  return `conditions (.if) decide on ${section.keyword} ${section.name}`.trimEnd();
}

function whyUnknown(line: SectionLine): string | undefined {
  const keyword = keywordOf(line);
  if (!PROXY_KEYWORDS.has(keyword)) return `line ${line.number} is not understood`;
  if (line.broken !== undefined) return `line ${line.number} is not understood: ${line.broken}`;
  return line.hasVariable && DECISIVE.has(keyword) ? `a variable decides on line ${line.number}` : undefined;
}

/** The keyword of a line, without the `no` or `default` that may stand before it. */
export function keywordOf(line: SectionLine): string {
  const [first = "", second = ""] = line.words;
  return first === "no" || first === "default" ? second : first;
}

function firstOf<T>(items: readonly T[], why: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const reason = why(item);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
