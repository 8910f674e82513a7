import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** Makes the names of stages differ within a process; node:crypto would cost 4 ms of start-up. */
let stages = 0;

/** Who owns a file and what may be done with it. */
export interface FileOwnership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes a file beside `path` under a name that no other process picks, hidden so that a folder of
 * includes does not load it. `fsync` makes it survive a power cut. Returns its path; on failure nothing is
 * left. Synchronous on purpose: these few small system calls cost less than the round trips through the
 * thread pool, and nothing may come between them.
 */
export function writeBeside(
  path: string,
  content: string | Buffer,
  options: { ownership?: FileOwnership; fsync: boolean },
): string {
  const stage = join(dirname(path), `.${basename(path)}.${process.pid}.${Date.now().toString(36)}${stages++}`);
  const fd = openSync(stage, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  let done = false;
  try {
    writeAll(fd, content);
    if (options.ownership !== undefined) {
      fchownIfNeeded(fd, options.ownership);
      fchmodSync(fd, options.ownership.mode);
    }
    if (options.fsync) fsyncSync(fd);
    done = true;
  } finally {
    closeSync(fd);
    if (!done) unlinkSync(stage);
  }
  return stage;
}

/** Removes what {@link writeBeside} left beside `path` in processes that were killed before they could rename it. */
export function sweepStages(path: string): void {
  const start = `.${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(start) ? /^(\d+)\.[0-9a-z]+$/.exec(name.slice(start.length))?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dirname(path), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Renames `stage` over `path`; readers see the old file or the new one, whole. */
export function swapIn(stage: string, path: string): void {
  renameSync(stage, path);
}

/** Makes the latest renames in a folder survive a power cut. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces a small file of our own (state, records) in one step. */
export function replaceFile(path: string, content: string | Buffer, options: { mode?: number; fsync: boolean }): void {
  const ownership = { mode: options.mode ?? 0o644, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const stage = writeBeside(path, content, { ownership, fsync: options.fsync });
  try {
    swapIn(stage, path);
  } catch (error) {
    unlinkSync(stage);
    throw error;
  }
  if (options.fsync) syncFolder(dirname(path));
}

/** The file's status, or undefined when there is no such file; other errors are thrown. */
export function statIfThere(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

function writeAll(fd: number, content: string | Buffer): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** A folder's setgid bit may have given the file another group than ours; root sets it right in any case. */
function fchownIfNeeded(fd: number, wanted: FileOwnership): void {
  const uid = process.geteuid?.();
  if (uid === 0 || uid !== wanted.uid || process.getegid?.() !== wanted.gid) fchownSync(fd, wanted.uid, wanted.gid);
}
