import { AppError } from "../core/errors.ts";
import type { OptionValues } from "../core/option.ts";
import { parseTargets } from "../core/targets.ts";
import { parseDuration } from "../lib/duration.ts";
import { nearest } from "../lib/nearest.ts";
import { envName, type Flag } from "./flag.ts";

/** A raw value and where it stands, for messages: `--interval`, `CONFD_HAPROXY_INTERVAL`, `etc/x.toml: interval`. */
interface Given {
  readonly raw: unknown;
  readonly where: string;
}

/** The keys of a config file, or of one table or section of it; keys may have `_` for `-`. */
export interface FileValues {
  /** For messages: `etc/x.toml`, `db.conf: [slave3301]`. */
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Where values may come from, strongest first. */
export interface Sources {
  /** By flag name, as typed; `true`/`false` for a boolean flag. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Strongest first. */
  readonly files?: readonly FileValues[];
}

/** Typed values by flag name: durations in ms, `targets` as a list. */
export type Values = OptionValues;

/**
 * Flags beat environment beats files beat default. Throws E_USAGE (flag, environment) or E_CONFIG (file)
 * that names the place, for a value that is not what the option takes, for an unknown key of a file, and for a secret
 * that was given as a flag.
 */
export function resolveOptions(flags: readonly Flag[], sources: Sources): Values {
  for (const file of sources.files ?? []) rejectUnknown(flags, file);
  const values: Record<string, Values[string]> = {};
  for (const flag of flags) {
    if (flag.secret) rejectSecretFlag(flag, sources.flags, flags);
    const given = lookUp(flag, sources);
    const value = given === undefined ? defaultOf(flag) : parse(flag, given);
    if (value === undefined && flag.required) {
      throw new AppError("E_USAGE", `--${flag.name} is required`, { hint: flag.description });
    }
    values[flag.name] = value;
  }
  return values;
}

function lookUp(flag: Flag, sources: Sources): Given | undefined {
  for (const name of [flag.name, ...(flag.aliases ?? [])]) {
    if (sources.flags[name] !== undefined) return { raw: sources.flags[name], where: `--${name}` };
  }
  for (const name of [envName(flag), ...(flag.env ?? [])]) {
    const raw = sources.env[name];
    if (raw !== undefined && raw !== "") return { raw, where: name };
  }
  return lookUpInFiles(flag, sources.files ?? []);
}

function lookUpInFiles(flag: Flag, files: readonly FileValues[]): Given | undefined {
  for (const { name, values } of files) {
    for (const key of [flag.name, flag.name.replaceAll("-", "_")]) {
      if (values[key] !== undefined) return { raw: values[key], where: `${name}: ${key}` };
    }
  }
  return undefined;
}

function defaultOf(flag: Flag): Values[string] {
  if (flag.default === undefined) return flag.type === "boolean" ? false : undefined;
  return parse(flag, { raw: flag.default, where: `default of --${flag.name}` });
}

function parse(flag: Flag, { raw, where }: Given): Values[string] {
  switch (flag.type) {
    case "string":
      return parseString(flag, raw, where);
    case "boolean":
      return parseBoolean(raw, where);
    case "integer":
      return parseInteger(raw, where);
    case "duration":
      return parseDuration(typeof raw === "number" ? raw : String(raw), where);
    case "targets":
      return parseTargets(Array.isArray(raw) ? raw.join(",") : String(raw), where);
    case "enum":
      return parseWord(flag, String(raw), where);
  }
}

function parseString(flag: Flag, raw: unknown, where: string): string {
  const value = flag.repeatable && Array.isArray(raw) ? raw.join(",") : raw;
  if (typeof value !== "object") return String(value);
  throw new AppError("E_CONFIG", `${where} must be a string`);
}

function parseBoolean(raw: unknown, where: string): boolean {
  if (typeof raw === "boolean") return raw;
  const word = String(raw).toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off"].includes(word)) return false;
  throw new AppError("E_USAGE", `${where}: "${String(raw)}" is neither true nor false`);
}

function parseInteger(raw: unknown, where: string): number {
  const text = String(raw).trim();
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new AppError("E_USAGE", `${where}: "${text}" is not a whole number`);
}

function parseWord(flag: Flag, word: string, where: string): string {
  const values = flag.values ?? [];
  if (values.includes(word)) return word;
  throw new AppError("E_USAGE", `${where}: "${word}" is not one of ${values.join(", ")}`);
}

function rejectSecretFlag(flag: Flag, given: Sources["flags"], flags: readonly Flag[]): void {
  if (given[flag.name] === undefined) return;
  const inFile = `${flag.name}-file`;
  const or = flags.some(({ name }) => name === inFile) ? ` or --${inFile}` : "";
  throw new AppError("E_USAGE", `--${flag.name} is not taken on the command line, where ps shows it to everybody`, {
    hint: `use the environment variable ${envName(flag)}${or}, or a configuration file`,
  });
}

/** Throws E_CONFIG for a key that is none of the flags, with the nearest one that is. */
export function rejectUnknown(flags: readonly Flag[], file: FileValues): void {
  const known = flags.filter((flag) => !flag.hidden || flag.secret).map((flag) => flag.name);
  for (const key of Object.keys(file.values)) {
    const name = key.replaceAll("_", "-");
    if (known.includes(name)) continue;
    const close = nearest(name, known);
    throw new AppError("E_CONFIG", `${file.name}: unknown key "${key}"`, {
      hint: close === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${close}?`,
    });
  }
}
