import { AppError } from "../core/errors.ts";
import { parseDuration } from "../lib/duration.ts";
import { nearest } from "../lib/nearest.ts";

/** One table of a TOML file, read key by key; every complaint names the file and the key. */
export interface TomlTable {
  string(key: string): string | undefined;
  strings(key: string): readonly string[] | undefined;
  /** A list, or a string for a list of one. */
  oneOrMore(key: string): readonly string[] | undefined;
  integer(key: string): number | undefined;
  boolean(key: string): boolean | undefined;
  /** In ms. */
  duration(key: string): number | undefined;
  oneOf<T extends string>(key: string, words: readonly T[]): T | undefined;
  /** An E_CONFIG about this key. */
  problem(key: string, problem: string, hint?: string): AppError;
}

/** Opens the table `name` of a parsed document. Throws E_CONFIG when it is no table or has a key not in `known`. */
export function openTable(
  document: Readonly<Record<string, unknown>>,
  name: string,
  options: { file: string; known: readonly string[] },
): TomlTable {
  const { file, known } = options;
  const table = document[name] ?? {};
  if (!isTable(table)) throw new AppError("E_CONFIG", `${file}: "${name}" must be a table: [${name}]`);
  rejectUnknownKeys(table, known, `${file}: [${name}]`);

  const problem = (key: string, text: string, hint?: string) =>
    new AppError("E_CONFIG", `${file}: [${name}] ${key} ${text}`, hint === undefined ? {} : { hint });

  function typed<T>(key: string, is: (value: unknown) => value is T, wanted: string): T | undefined {
    const value = table[key as keyof typeof table] as unknown;
    if (value === undefined) return undefined;
    if (!is(value)) throw problem(key, `must be ${wanted} (is ${JSON.stringify(value)})`);
    return value;
  }

  const string = (key: string) => typed(key, (value) => typeof value === "string", "a string");
  return {
    string,
    strings: (key) => typed(key, isStrings, "a list of strings"),
    oneOrMore(key) {
      const value = typed(key, (v) => typeof v === "string" || isStrings(v), "a string or a list of strings");
      return typeof value === "string" ? [value] : value;
    },
    integer: (key) => typed(key, isInteger, "a whole number"),
    boolean: (key) => typed(key, (value) => typeof value === "boolean", "true or false"),
    duration(key) {
      const value = typed(key, (v) => typeof v === "string" || typeof v === "number", 'a time such as "30s"');
      return value === undefined ? undefined : parseDuration(value, `${file}: [${name}] ${key}`);
    },
    oneOf<T extends string>(key: string, words: readonly T[]) {
      const word = string(key);
      if (word === undefined) return undefined;
      const found = words.find((candidate) => candidate === word);
      if (found === undefined) throw problem(key, `must be one of ${words.join(", ")} (is "${word}")`);
      return found;
    },
    problem,
  };
}

/** Throws E_CONFIG for the first key that is not known, with the nearest one that is. */
export function rejectUnknownKeys(table: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const close = nearest(key, known);
    throw new AppError("E_CONFIG", `${where}: unknown key "${key}"`, {
      hint: close === undefined ? `known keys: ${known.join(", ")}` : `did you mean "${close}"?`,
    });
  }
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}
