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

/** Reads templates and partials of one folder, and nothing outside it. */
export interface SourceFiles {
  /** A template by its path below the folder. Throws E_TEMPLATE when it cannot be read. */
  template(path: string): SourceFile;
  /** The partial `name`, one of `partials/NAME.hbs`, `partials/NAME.cfg.hbs` or `partials/NAME`; `asker` is for the error. */
  partial(name: string, asker: Where): SourceFile;
}

/** What may follow a partial's name in its file's name, in the order in which it is looked for. */
const ENDINGS = [".hbs", ".cfg.hbs", ""];

/** Access to the files of one templates folder; nothing is remembered, so a changed file is read anew. */
export function createSourceFiles(templatesDir: string): SourceFiles {
  const root = resolve(templatesDir);
  const confined = (folder: string, path: string, asker: Where): string => {
    const full = resolve(folder, path);
    if (!full.startsWith(`${folder}${sep}`)) throw templateError(asker, `"${path}" leads out of ${folder}`);
    return full;
  };
  const source = (full: string): SourceFile => ({ name: relative(root, full), text: readFileSync(full, "utf8") });
  return {
    template(path) {
      const full = confined(root, path, path);
      try {
        return source(full);
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
        const problem = missing ? `there is no template ${full}` : `cannot read the template ${full}`;
        throw new AppError("E_TEMPLATE", problem, missing ? {} : { cause: error });
      }
    },
    partial(name, asker) {
      const folder = join(root, "partials");
      for (const ending of ENDINGS) {
        const full = confined(folder, `${name}${ending}`, asker);
        try {
          return source(full);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
          throw templateError(asker, `cannot read ${full}`, { cause: error });
        }
      }
      throw templateError(asker, `there is no partial "${name}"`, {
        hint: `Put it into ${join(folder, `${name}.hbs`)}.`,
      });
    },
  };
}
