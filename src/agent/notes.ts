import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "../core/errors.ts";
import { replaceFile, syncFolder } from "../lib/atomic-file.ts";

/** What must not be forgotten by a restart or a power cut: small values by name, each a file of its own. */
export interface Notes {
  /** Undefined when nothing is noted. Throws E_FILE when it cannot be read, or is damaged. */
  get(name: string): unknown;
  /** On disk when it returns; undefined forgets it. Throws E_FILE. */
  set(name: string, value: unknown): void;
}

/** Opens the folder, and makes it. Throws E_FILE when it cannot be used. */
export function openNotes(folder: string): Notes {
  const file = (name: string) => join(folder, `${encodeURIComponent(name)}.json`);
  attempt(folder, () => mkdirSync(folder, { recursive: true, mode: 0o755 }));
  return {
    get(name) {
      const text = attempt(folder, () => readIfThere(file(name)));
      if (text === undefined) return undefined;
      try {
        return JSON.parse(text);
      } catch (cause) {
        throw new AppError("E_FILE", `${file(name)} is damaged`, {
          cause,
          hint: "remove it once you know what it held",
        });
      }
    },
    set(name, value) {
      attempt(folder, () => {
        if (value !== undefined) return replaceFile(file(name), `${JSON.stringify(value)}\n`, { fsync: true });
        rmSync(file(name), { force: true });
        syncFolder(dirname(file(name)));
      });
    },
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function attempt<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("E_FILE", `using the state folder ${folder}`, {
      cause: error,
      hint: "name a folder that can be written with --state-dir",
    });
  }
}
