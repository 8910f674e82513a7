import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Checker } from "../core/checker.ts";
import { isName } from "../core/entry.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { OptionSpec } from "../core/option.ts";
import { takenNames } from "./checkers-options.ts";

const OPTION_TYPES: readonly unknown[] = ["string", "integer", "duration", "boolean", "targets", "enum"];

/**
 * Loads a checker from a JavaScript file of the user's that exports it as `checker`. Throws E_CONFIG that names the
 * file and what is wrong with it.
 */
export async function loadPlugin(file: string): Promise<Checker> {
  if (!existsSync(file)) throw problem(file, "there is no such file");
  const { importFile } = await import("./import-file.ts");
  let loaded: unknown;
  try {
    loaded = await importFile(pathToFileURL(resolve(file)).href);
  } catch (error) {
    const hint = 'an ES module is named .mjs, or stands beside a package.json with "type": "module"';
    throw new AppError("E_CONFIG", `plugin ${file} cannot be loaded: ${errorText(error)}`, {
      ...(error instanceof SyntaxError ? { hint } : {}),
    });
  }
  const checker = exported(loaded);
  const wrong = checkerProblem(checker);
  if (wrong !== undefined) throw problem(file, wrong, "docs/write-your-own-checker.md has a complete example");
  return checker as Checker;
}

/** Of a CommonJS file, Node shows under their names only those exports that it can guess. */
function exported(loaded: unknown): unknown {
  if (!isObject(loaded)) return undefined;
  return loaded["checker"] ?? (isObject(loaded["default"]) ? loaded["default"]["checker"] : undefined);
}

function checkerProblem(checker: unknown): string | undefined {
  if (checker === undefined) return "it exports no `checker`";
  if (!isObject(checker)) return "its `checker` is not an object";
  if (!isName(checker["kind"])) return "checker.kind must be a word of letters, digits and _ . : -";
  if (typeof checker["summary"] !== "string") return "checker.summary must be a string: what is published";
  if (!Number.isInteger(checker["proxyportOffset"])) return "checker.proxyportOffset must be a whole number";
  if (!["undefined", "string", "function"].includes(typeof checker["exclusive"])) {
    return "checker.exclusive must be a string or a function, if it is there";
  }
  if (!["undefined", "boolean"].includes(typeof checker["hasWriter"])) {
    return "checker.hasWriter must be true or false, if it is there";
  }
  if (typeof checker["create"] !== "function") return "checker.create must be a function";
  return optionsProblem(checker["options"]);
}

function optionsProblem(options: unknown): string | undefined {
  if (!Array.isArray(options)) return "checker.options must be a list";
  const names = new Set<unknown>(takenNames());
  for (const [at, option] of options.entries()) {
    const wrong = isObject(option) ? optionProblem(option) : "is not an object";
    if (wrong !== undefined) return `checker.options[${at}] ${wrong}`;
    const { name } = option as OptionSpec;
    if (names.has(name)) return `checker.options[${at}]: the name "${name}" is taken`;
    names.add(name);
  }
  return undefined;
}

function optionProblem(option: Readonly<Record<string, unknown>>): string | undefined {
  const { name, type, description, values } = option;
  if (typeof name !== "string" || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    return "must have a name of small letters, digits and single dashes";
  }
  if (!OPTION_TYPES.includes(type)) return `(${name}) must have a type: one of ${OPTION_TYPES.join(", ")}`;
  if (typeof description !== "string") return `(${name}) must have a description`;
  if (type === "enum" && !(Array.isArray(values) && values.every((word) => typeof word === "string"))) {
    return `(${name}) must have values: a list of words`;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function problem(file: string, text: string, hint?: string): AppError {
  return new AppError("E_CONFIG", `plugin ${file}: ${text}`, hint === undefined ? {} : { hint });
}
