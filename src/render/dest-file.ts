import { type BigIntStats, readFileSync, realpathSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../core/errors.ts";
import type { TemplateResource } from "../core/resource.ts";
import { type FileOwnership, statIfThere, swapIn, sweepStages, syncFolder, writeBeside } from "../lib/atomic-file.ts";

/** Mode of a dest that does not exist yet, when the resource names none; as confd. */
const DEFAULT_MODE = 0o644;

/** The destination of one resource, on disk. All methods throw E_FILE with what was being done. */
export interface DestFile {
  /** Looks at dest as it is now. */
  look(): DestView;
}

/** Dest at one moment; good for one pass. */
export interface DestView {
  /** Its text; undefined when there is no such file. */
  readonly text: string | undefined;
  /** When it came to be there, wall clock ms (its ctime: a rename counts). */
  readonly sinceMs: number;
  /** Whether it already is this text with the wanted mode and owner. */
  isCurrent(text: string): boolean;
  /** Writes the text beside dest, with dest's future mode and owner, on the disk for good. */
  stage(text: string): string;
  /** Renames the stage over dest, for good. */
  swap(stage: string, text: string): void;
  /** Removes a stage that will not be used, if it is still there. */
  discard(stage: string): void;
}

type Wanted = Pick<TemplateResource, "dest" | "mode" | "uid" | "gid">;

/** The file behind `resource.dest`; a symbolic link is followed, so that the link itself stays. */
export function createDestFile(resource: Wanted): DestFile {
  /** What we wrote or read last, and the file's signature then: an untouched file is not read again. */
  let known: { readonly text: string; readonly signature: string } | undefined;
  let swept = false;

  function textOf(path: string, stat: BigIntStats): string {
    const signature = signatureOf(stat);
    if (known?.signature !== signature) known = { text: readFileSync(path, "utf8"), signature };
    return known.text;
  }

  return {
    look() {
      const path = attempt(`reading ${resource.dest}`, () => realPath(resource.dest));
      const stat = attempt(`reading ${resource.dest}`, () => statIfThere(path));
      const text = stat && attempt(`reading ${resource.dest}`, () => textOf(path, stat));
      return {
        text,
        sinceMs: stat === undefined ? 0 : Number(stat.ctimeMs),
        isCurrent: (wanted) => stat !== undefined && text === wanted && hasOwnership(resource, stat),
        stage: (wanted) =>
          attempt(`writing beside ${resource.dest}`, () => {
            if (!swept) sweepStages(path);
            swept = true;
            return writeBeside(path, wanted, { ownership: wantedOwnership(resource, stat), fsync: true });
          }),
        swap(stage, wanted) {
          attempt(`replacing ${resource.dest}`, () => swapIn(stage, path));
          const after = attempt(`reading ${resource.dest}`, () => statIfThere(path));
          known = after && { text: wanted, signature: signatureOf(after) };
          attempt(`syncing the folder of ${resource.dest}`, () => syncFolder(dirname(path)));
        },
        discard: (stage) => attempt(`removing ${stage}`, () => rmSync(stage, { force: true })),
      };
    },
  };
}

/** Changes whenever the file does. */
function signatureOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

/** What the resource asks for; else what dest has (another owner than ours only root can give); else confd's defaults. */
function wantedOwnership(resource: Wanted, is: BigIntStats | undefined): FileOwnership {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const keepsOwner = uid === 0 && is !== undefined;
  return {
    mode: resource.mode ?? (is === undefined ? DEFAULT_MODE : Number(is.mode) & 0o7777),
    uid: resource.uid ?? (keepsOwner ? Number(is.uid) : uid),
    gid: resource.gid ?? (keepsOwner ? Number(is.gid) : gid),
  };
}

function hasOwnership(resource: Wanted, is: BigIntStats): boolean {
  return (
    (resource.mode === undefined || resource.mode === (Number(is.mode) & 0o7777)) &&
    (resource.uid === undefined || resource.uid === Number(is.uid)) &&
    (resource.gid === undefined || resource.gid === Number(is.gid))
  );
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return path;
    throw error;
  }
}

function attempt<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const hint = HINTS[(error as NodeJS.ErrnoException).code ?? ""];
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
