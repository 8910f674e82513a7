import { readFileSync, realpathSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../core/errors.ts";
import type { TemplateResource } from "../core/resource.ts";
import { type FileOwnership, statIfThere, swapIn, syncFolder, writeBeside } from "../lib/atomic-file.ts";

/** Mode of a dest that does not exist yet, when the resource names none; as confd. */
const DEFAULT_MODE = 0o644;

/** The destination of one resource, on disk. All methods throw E_FILE with what was being done. */
export interface DestFile {
  /** What is at dest now; undefined when there is no such file. */
  read(): string | undefined;
  /** Whether dest already is this text with the wanted mode and owner. */
  isCurrent(text: string): boolean;
  /** Writes the text beside dest, with dest's future mode and owner, on the disk for good. */
  stage(text: string): string;
  /** Renames the stage over dest. */
  swap(stage: string, text: string): void;
  /** Removes a stage that will not be used, if it is still there. */
  discard(stage: string): void;
}

interface Known {
  readonly text: string;
  readonly signature: string;
}

/** The file behind `resource.dest`; a symbolic link is followed, so that the link itself stays. */
export function createDestFile(resource: Pick<TemplateResource, "dest" | "mode" | "uid" | "gid">): DestFile {
  let known: Known | undefined;

  function load(): Known | undefined {
    const path = realPath(resource.dest);
    const signature = signatureOf(path);
    if (signature === undefined) return undefined;
    if (known?.signature !== signature) known = { text: readFileSync(path, "utf8"), signature };
    return known;
  }

  return {
    read: () => attempt(`reading ${resource.dest}`, () => load()?.text),
    isCurrent: (text) => attempt(`reading ${resource.dest}`, () => load()?.text === text && hasOwnership(resource)),
    stage: (text) =>
      attempt(`writing beside ${resource.dest}`, () =>
        writeBeside(realPath(resource.dest), text, { ownership: wantedOwnership(resource), fsync: true }),
      ),
    swap(stage, text) {
      const path = realPath(resource.dest);
      attempt(`replacing ${resource.dest}`, () => swapIn(stage, path));
      known = { text, signature: signatureOf(path) ?? "" };
      attempt(`syncing the folder of ${resource.dest}`, () => syncFolder(dirname(path)));
    },
    discard: (stage) => attempt(`removing ${stage}`, () => rmSync(stage, { force: true })),
  };
}

/** Changes whenever the file does; undefined when there is none. */
function signatureOf(path: string): string | undefined {
  const is = statIfThere(path);
  return is && `${is.dev}:${is.ino}:${is.size}:${is.mtimeNs}:${is.ctimeNs}`;
}

/** What the resource asks for; else what dest has (another owner than ours only root can give); else confd's defaults. */
function wantedOwnership(resource: Pick<TemplateResource, "dest" | "mode" | "uid" | "gid">): FileOwnership {
  const is = statIfThere(realPath(resource.dest));
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const root = uid === 0;
  return {
    mode: resource.mode ?? (is === undefined ? DEFAULT_MODE : Number(is.mode) & 0o7777),
    uid: resource.uid ?? (root && is !== undefined ? Number(is.uid) : uid),
    gid: resource.gid ?? (root && is !== undefined ? Number(is.gid) : gid),
  };
}

function hasOwnership(resource: Pick<TemplateResource, "dest" | "mode" | "uid" | "gid">): boolean {
  const is = statIfThere(realPath(resource.dest));
  if (is === undefined) return false;
  return (
    (resource.mode === undefined || resource.mode === (Number(is.mode) & 0o7777)) &&
    (resource.uid === undefined || resource.uid === Number(is.uid)) &&
    (resource.gid === undefined || resource.gid === Number(is.gid))
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return path;
    throw error;
  }
}

function attempt<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const hint = HINTS[code];
    throw new AppError("E_FILE", doing, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "run as a user who may write there, or name another dest",
  EPERM: "only root can give a file to another owner; take owner/group/uid/gid out of the resource or run as root",
  ENOENT: "the folder of dest must exist",
  EBUSY: "dest is a mount point of its own; mount its folder instead, so that the file can be replaced in one step",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full; the old file is untouched",
};
