import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "../core/errors.ts";
import { replaceFile, sweepStages, syncFolder } from "../lib/atomic-file.ts";

/** What must not be forgotten by a restart or a power cut: small values by name, each a file of its own. */
export interface Notes {
  /** Undefined when nothing is noted. Throws E_FILE when it cannot be read, or is damaged. */
  get(name: string): unknown;
  /** On disk when it returns; undefined forgets it. Throws E_FILE. */
  set(name: string, value: unknown): void;
  /** Where it is kept, for messages. */
  path(name: string): string;
}

/** Opens the folder, and makes it. Throws E_FILE when it cannot be used. */
export function openNotes(folder: string): Notes {
  const path = (name: string) => join(folder, `${encodeURIComponent(name)}.json`);
  attempt(folder, () => {
    makeFolder(folder);
    sweep(folder);
  });
  return {
    path,
    get(name) {
      const text = attempt(folder, () => readIfThere(path(name)));
      if (text === undefined) return undefined;
      try {
        return JSON.parse(text);
      } catch (cause) {
        throw damaged(path(name), cause);
      }
    },
    set(name, value) {
      attempt(folder, () => {
        if (value !== undefined) return replaceFile(path(name), `${JSON.stringify(value)}\n`, { fsync: true });
        rmSync(path(name), { force: true });
        syncFolder(folder);
      });
    },
  };
}

/** A note that is there and makes no sense is never taken for none. */
export function damaged(path: string, cause?: unknown): AppError {
  return new AppError("E_FILE", `${path} is damaged`, {
    cause,
    hint: "look at what it holds, and remove it: what it was to remember is forgotten then",
  });
}

/** A folder is in its parent for good only when that was synced. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** Removes what processes that were killed have left half written. */
function sweep(folder: string): void {
  const bases = readdirSync(folder).flatMap((name) => /^\.(.+)\.\d+\.[0-9a-z]+$/.exec(name)?.[1] ?? []);
  for (const base of new Set(bases)) sweepStages(join(folder, base));
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
  } catch (cause) {
    throw new AppError("E_FILE", `using the state folder ${folder}`, {
      cause,
      hint: "name a folder that can be written with --state-dir",
    });
  }
}
