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

/** Where values may come from, strongest first. */
export interface Sources {
  /** By flag name, as typed; `true`/`false` for a boolean flag. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A config file's keys and its name; keys may have `_` for `-`. */
  readonly file?: { readonly name: string; readonly values: Readonly<Record<string, unknown>> };
}

/** Typed values by flag name: durations in ms, `targets` as a list. */
export type Values = OptionValues;

/**
 * Flags beat environment beats file beats default. Throws E_USAGE (flag, environment) or E_CONFIG (file)
 * that names the place, for a value that is not what the option takes and for an unknown key of the file.
 */
export function resolveOptions(flags: readonly Flag[], sources: Sources): Values {
  if (sources.file !== undefined) rejectUnknown(flags, sources.file);
  const values: Record<string, Values[string]> = {};
  for (const flag of flags) {
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
  for (const key of [flag.name, flag.name.replaceAll("-", "_")]) {
    const raw = sources.file?.values[key];
    if (raw !== undefined) return { raw, where: `${sources.file?.name}: ${key}` };
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
      return String(raw);
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

function rejectUnknown(flags: readonly Flag[], file: NonNullable<Sources["file"]>): void {
  const known = flags.filter((flag) => !flag.hidden).map((flag) => flag.name);
  for (const key of Object.keys(file.values)) {
    const name = key.replaceAll("_", "-");
    if (known.includes(name)) continue;
    const close = nearest(name, known);
    throw new AppError("E_CONFIG", `${file.name}: unknown key "${key}"`, {
      ...(close === undefined ? {} : { hint: `did you mean ${close}?` }),
    });
  }
}
