import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { swapIn, writeBeside } from "../lib/atomic-file.ts";
import type { ReadFiles } from "./source-files.ts";

/** Where compiled templates are kept from one run to the next. */
export interface CodeCacheOptions {
  /** A folder of our own; made when it is needed. */
  readonly dir: string;
  /** Of this program: what another version compiled is not used. */
  readonly version: string;
}

/**
 * The JavaScript that templates compile to, by template, so that a start need not load Handlebars at all. It is
 * used only if every file that was read to make it still has the same content, and if nobody but this user
 * could have written it: it is code, and it will be run.
 */
export interface CodeCache {
  read(src: string, isCurrent: (files: ReadFiles) => boolean): string | undefined;
  write(src: string, files: ReadFiles, code: string): void;
}

interface Cached {
  readonly version: string;
  readonly files: ReadFiles;
  readonly code: string;
}

/** A cache in a folder. What cannot be read or written is as if it were not there. */
export function createCodeCache({ dir, version }: CodeCacheOptions): CodeCache {
  const pathOf = (src: string): string => join(dir, `${encodeURIComponent(src)}.json`);
  return {
    read(src, isCurrent) {
      const cached = readOwn(pathOf(src));
      return cached?.version === version && isCurrent(cached.files) ? cached.code : undefined;
    },
    write(src, files, code) {
      const cached: Cached = { version, files, code };
      try {
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        swapIn(writeBeside(pathOf(src), JSON.stringify(cached), { fsync: false }), pathOf(src));
      } catch {
        // The next start compiles again; nothing else depends on it.
      }
    },
  };
}

function readOwn(path: string): Cached | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const { uid, mode } = fstatSync(fd);
    const isOurs = uid === process.geteuid?.() && (mode & 0o022) === 0;
    return isOurs ? (JSON.parse(readFileSync(fd, "utf8")) as Cached) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** For an engine without a cache. */
export const noCodeCache: CodeCache = { read: () => undefined, write: () => undefined };
