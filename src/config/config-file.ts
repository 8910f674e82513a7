import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { AppError } from "../core/errors.ts";

/** Reads a TOML file into its keys; undefined when it is not there and need not be. Throws E_CONFIG. */
export function readConfigFile(
  file: string,
  options: { readonly mustExist: boolean },
): Readonly<Record<string, unknown>> | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (!options.mustExist && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new AppError("E_CONFIG", `cannot read ${file}`, { cause: error });
  }
  return parseToml(text, file);
}

/** Parses TOML; throws E_CONFIG with file, line and column. */
export function parseToml(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.split("\n");
    throw new AppError("E_CONFIG", `${file}:${error.line}:${error.column}: ${reason}`);
  }
}
