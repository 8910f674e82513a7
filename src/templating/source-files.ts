import { readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { AppError } from "../core/errors.ts";
import { templateError, type Where } from "./template-error.ts";

/** A template or a partial as it is on disk. */
export interface SourceFile {
  /** Relative to the templates folder; what messages call it. */
  readonly name: string;
  readonly text: string;
}

/** What was read, by path below the templates folder: the content, or null where there was no file. */
export type ReadFiles = Readonly<Record<string, string | null>>;

/** Reads templates and partials of one folder, and nothing outside it. */
export interface SourceFiles {
  /** A template by its path below the folder. Throws E_TEMPLATE when it cannot be read. */
  template(path: string): SourceFile;
  /** The partial `name`: `partials/NAME.hbs`, `partials/NAME.cfg.hbs` or `partials/NAME`. `asker` is for the error. */
  partial(name: string, asker: Where): SourceFile;
  /** Everything that was read or looked for so far. */
  readonly seen: ReadFiles;
}

/** What may follow a partial's name in its file's name, in the order in which it is looked for. */
const ENDINGS = [".hbs", ".cfg.hbs", ""];

/** Access to the files of one templates folder, for one compilation. */
export function createSourceFiles(templatesDir: string): SourceFiles {
  const root = resolve(templatesDir);
  const seen: Record<string, string | null> = {};
  const read = (path: string): SourceFile | undefined => {
    const name = relative(root, path);
    const text = readIfThere(path);
    seen[name] = text;
    return text === null ? undefined : { name, text };
  };
  return {
    seen,
    template(path) {
      const full = confined(root, path, path);
      const file = read(full);
      if (file === undefined) throw new AppError("E_TEMPLATE", `there is no template ${full}`);
      return file;
    },
    partial(name, asker) {
      const folder = join(root, "partials");
      for (const ending of ENDINGS) {
        const file = read(confined(folder, `${name}${ending}`, asker));
        if (file !== undefined) return file;
      }
      const hint = `Put it into ${join(folder, `${name}.hbs`)}.`;
      throw templateError(asker, `there is no partial "${name}"`, { hint });
    },
  };
}

/** Whether every file still is as it was when it was read. */
export function isUnchanged(templatesDir: string, files: ReadFiles): boolean {
  return Object.entries(files).every(([name, text]) => readIfThere(join(templatesDir, name)) === text);
}

function confined(folder: string, path: string, asker: Where): string {
  const full = resolve(folder, path);
  if (!full.startsWith(`${folder}${sep}`)) throw templateError(asker, `"${path}" leads out of ${folder}`);
  return full;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new AppError("E_TEMPLATE", `cannot read ${path}`, { cause: error });
  }
}
