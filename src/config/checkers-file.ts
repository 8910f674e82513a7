import { dirname, isAbsolute, join } from "node:path";
import { isName } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";
import { readConfigFile } from "./config-file.ts";
import type { FileValues } from "./resolve.ts";

/** One `[[checker]]` table. */
export interface CheckerTable {
  readonly kind: string;
  readonly tag: string;
  /** What it says beside `kind`, `tag` and `conf`. Its name says which table of which file it is. */
  readonly own: FileValues;
  /** The ini file whose section `[<tag>]` holds more, relative to the working directory. */
  readonly conf: string | undefined;
}

/** A file for `checkers --config`, taken apart; the keys of its tables are not judged yet. */
export interface CheckersFile {
  readonly name: string;
  /** The keys in front of the first table. */
  readonly top: FileValues;
  readonly defaults: FileValues;
  /** The keys of `[agent]`, by the names of their flags. */
  readonly agent: FileValues;
  readonly tables: readonly CheckerTable[];
}

type Table = Readonly<Record<string, unknown>>;

/**
 * Reads a file for `checkers --config`. `plugin` and `conf` in it are relative to its folder. Throws E_CONFIG for what
 * is not of its form, for a table without kind or tag, and for two tables of one kind and tag.
 */
export function readCheckersFile(file: string): CheckersFile {
  const { defaults = {}, agent = {}, checker = [], ...top } = readConfigFile(file, { mustExist: true }) ?? {};
  if (!isTable(defaults)) throw problem(file, "defaults must be a table: [defaults]");
  if (!isTable(agent)) throw problem(file, "agent must be a table: [agent]");
  if (!Array.isArray(checker) || !checker.every(isTable)) {
    throw problem(file, "each checker must be a table of its own: [[checker]], in double brackets");
  }
  if (checker.length === 0) throw problem(file, "there is no [[checker]] table in it");
  const tables = checker.map((table, at) => readTable(table, { file, number: at + 1 }));
  rejectTwins(tables, file);
  return {
    name: file,
    top: { name: file, values: { ...top, ...pluginsBeside(file, top["plugin"]) } },
    defaults: { name: `${file}: [defaults]`, values: defaults },
    agent: { name: `${file}: [agent]`, values: agentFlags(agent) },
    tables,
  };
}

/** Its name for messages: `checkers.toml: [[checker]] 2 (memcached mem1)`. */
function readTable(table: Table, { file, number }: { file: string; number: number }): CheckerTable {
  const { kind, tag, conf, ...values } = table;
  const where = `${file}: [[checker]] ${number}`;
  if (typeof kind !== "string") throw problem(where, 'kind must be there, e.g. kind = "memcached"');
  if (typeof tag !== "string") throw problem(`${where} (${kind})`, 'tag must be there, e.g. tag = "mem11211"');
  const name = `${where} (${kind} ${tag})`;
  if (!isName(tag)) {
    const hint = "use letters, digits and _ . : -, for example mem11211";
    throw problem(where, `tag: ${JSON.stringify(tag)} is not a name`, hint);
  }
  if (conf !== undefined && typeof conf !== "string") throw problem(name, "conf must be the path of a file");
  const confPath = conf === undefined ? undefined : beside(file, conf);
  return { kind, tag, own: { name, values }, conf: confPath };
}

function rejectTwins(tables: readonly CheckerTable[], file: string): void {
  const numbers = new Map<string, number>();
  for (const [at, { kind, tag }] of tables.entries()) {
    const first = numbers.get(`${kind} ${tag}`);
    if (first !== undefined) {
      const hint = "each tag of a kind has one entry; give one of them another tag or take it away";
      throw problem(file, `[[checker]] ${first} and ${at + 1} are both ${kind} ${tag}`, hint);
    }
    numbers.set(`${kind} ${tag}`, at + 1);
  }
}

/** In their own table these need not say each time what they are about. */
const AGENT_KEYS: readonly string[] = ["port", "bind", "default"];

function agentFlags(agent: Table): Table {
  return Object.fromEntries(
    Object.entries(agent).map(([key, value]) => [AGENT_KEYS.includes(key) ? `agent-${key}` : key, value]),
  );
}

function pluginsBeside(file: string, plugin: unknown): { readonly plugin?: readonly string[] } {
  if (plugin === undefined) return {};
  const list: readonly unknown[] = Array.isArray(plugin) ? plugin : [plugin];
  if (!list.every((path) => typeof path === "string")) throw problem(file, "plugin must be a list of files");
  return { plugin: list.map((path) => beside(file, path)) };
}

/** An absolute path stays; another one is meant from the folder of the file in which it stands. */
function beside(file: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function problem(where: string, text: string, hint?: string): AppError {
  return new AppError("E_CONFIG", `${where}: ${text}`, hint === undefined ? {} : { hint });
}
