import { existsSync, readFileSync } from "node:fs";
import type { ForeignFile } from "../core/checker.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { FileValues, Values } from "./resolve.ts";

/**
 * The values of a file in the form of the program that a kind replaces: of the one that is named, else of the usual one
 * if it is there. Throws E_CONFIG that names the file and what is wrong with it.
 */
export async function readForeignFile(foreign: ForeignFile, values: Values): Promise<FileValues | undefined> {
  const { option, skip, defaultPath } = foreign;
  if (skip !== undefined && values[skip] === true) return undefined;
  const named = values[option];
  const usual = defaultPath !== undefined && existsSync(defaultPath) ? defaultPath : undefined;
  const path = typeof named === "string" ? named : usual;
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AppError("E_CONFIG", `cannot read ${path}`, { cause: error });
  }
  try {
    return { name: path, values: await foreign.read(text) };
  } catch (error) {
    throw new AppError("E_CONFIG", `${path}: ${errorText(error)}`);
  }
}
