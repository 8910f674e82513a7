import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { AppError } from "../core/errors.ts";
import type { Index } from "../core/store.ts";

/** The largest file that is taken for a value: far more than Consul would, far less than a mistake may be. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024;
/** How often a file that changes while it is read is read again. */
const READ_TRIES = 5;

/** A value and when the file that holds it was last touched. */
export interface FileValue {
  readonly value: string;
  /** Differs whenever the file may differ. */
  readonly fingerprint: string;
  /** Last change of the file's content or place, ms since the epoch, by the file system's clock. */
  readonly changedMs: number;
}

/** The bytes of the file for a value: one newline behind it, as editors and git want it. */
export function printValue(value: string): string {
  return `${value}\n`;
}

/** The value in a file's text: without the one newline at its end, if there is one. */
export function parseValue(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

/**
 * The index of a value: equal values have equal indexes. It is the value itself (a mark before it keeps it
 * apart from ABSENT): no hash is as exact, or as cheap to load.
 */
export function contentIndex(value: string): Index {
  return `=${value}`;
}

/**
 * Reads one file whole, again if it changed meanwhile. Undefined when there is no such file, or it is none
 * (a folder, a pipe). Throws E_STORE_DENIED and E_STORE_INVALID naming the file.
 */
export function readValue(path: string): FileValue | undefined {
  let fd: number;
  try {
    // NONBLOCK: opening a named pipe would wait for its writer for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(path, error);
  }
  try {
    for (let tries = READ_TRIES; tries > 0; tries--) {
      const before = fingerprintOf(fd);
      if (before === undefined) return undefined;
      const text = readAll(fd, before.size, path);
      if (before.fingerprint !== fingerprintOf(fd)?.fingerprint) continue;
      return { value: parseValue(text), fingerprint: before.fingerprint, changedMs: before.changedMs };
    }
  } finally {
    closeSync(fd);
  }
  throw new AppError("E_STORE_INVALID", `the file ${path} changes faster than it can be read`);
}

/** Whether an error of the file system says that nothing is there; a file where a folder should be counts too. */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** An error of the file system in the store's words. */
export function fileError(path: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new AppError("E_STORE_DENIED", `no right to use ${path}`, {
      cause: error,
      hint: "check owner and mode of the file and of the folders above it",
    });
  }
  if (code === "EISDIR" || code === "ENOTDIR" || code === "EEXIST") {
    return new AppError("E_STORE_INVALID", `${path} is in the way`, {
      cause: error,
      hint: "in a folder store a key cannot also be the beginning of other keys",
    });
  }
  return new AppError("E_STORE_UNREACHABLE", `${path} cannot be used`, { cause: error });
}

function fingerprintOf(fd: number): { fingerprint: string; changedMs: number; size: number } | undefined {
  const stats = fstatSync(fd, { bigint: true });
  if (!stats.isFile()) return undefined;
  return {
    fingerprint: fingerprint(stats),
    changedMs: Number(stats.ctimeMs),
    size: Number(stats.size),
  };
}

/** What differs whenever a file was written or replaced, to the precision of the file system's clock. */
export function fingerprint(stats: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

function readAll(fd: number, size: number, path: string): string {
  if (size > MAX_VALUE_BYTES) {
    throw new AppError("E_STORE_INVALID", `the file ${path} is larger than ${MAX_VALUE_BYTES / 1024 / 1024} MiB`, {
      hint: "is it an entry at all? Files that are none belong elsewhere, or get a name that begins with a dot",
    });
  }
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const read = readSync(fd, bytes, length, size - length, length);
    if (read === 0) break;
    length += read;
  }
  return bytes.toString("utf8", 0, length);
}
