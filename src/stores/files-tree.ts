import { type BigIntStats, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Pair } from "../core/store.ts";
import { contentIndex, fileError, fingerprint, isMissing, readValue } from "./file-value.ts";
import { isFolderPrefix } from "./key.ts";

/** Deeper than this it is a loop of symbolic links. */
const MAX_DEPTH = 32;
/**
 * A file changed this shortly before it was read may be changed again with the same times: file systems
 * count time in steps, up to 2 s, and their clock may be another machine's.
 */
const RACY_MS = 3_000;

/** The files below a folder as pairs, kept so that unchanged files are not read again. */
export interface FilesTree {
  /** Looks at everything under the prefix. Throws E_STORE_UNREACHABLE when the folder itself is missing. */
  scan(): void;
  /** Looks at one path (a key, or a folder without its slash) and what is below it. */
  refresh(path: string): void;
  /** Sorted by key. A pair whose file did not change is the same object as before. */
  pairs(): readonly Pair[];
  /** The folders to keep an eye on, relative to the root ("" is the root itself). */
  folders(): ReadonlySet<string>;
}

interface Item {
  readonly pair: Pair;
  readonly fingerprint: string;
  /** False while the times of the file cannot prove that it is unchanged. */
  readonly sure: boolean;
}

/** Whether a name is no key: stage files, locks, `.git`, and the copies that editors leave behind. */
export function isHidden(name: string): boolean {
  return name.startsWith(".") || name.endsWith("~");
}

/** A tree of the files that belong to `prefix`; it has seen nothing until the first scan. */
export function createFilesTree(root: string, prefix: string, clock: Clock): FilesTree {
  const items = new Map<string, Item>();
  const folders = new Set<string>();
  let sorted: readonly Pair[] | undefined;

  const lookAtFile = (key: string, stats: BigIntStats): void => {
    const known = items.get(key);
    if (known?.sure === true && known.fingerprint === fingerprint(stats)) return;
    const read = readValue(join(root, key));
    if (read === undefined) {
      if (items.delete(key)) sorted = undefined;
      return;
    }
    const sure = clock.wallMs() - read.changedMs > RACY_MS;
    const same = known?.pair.value === read.value;
    if (!same) sorted = undefined;
    items.set(key, { pair: same ? known.pair : toPair(key, read.value), fingerprint: read.fingerprint, sure });
  };

  const lookAt = (path: string, seen: Set<string>): void => {
    const stats = statIn(root, path);
    if (stats?.isDirectory() === true) {
      lookAtFolder(path, seen);
    } else if (stats?.isFile() === true && belongs(path, prefix)) {
      seen.add(path);
      lookAtFile(path, stats);
    }
  };

  const lookAtFolder = (path: string, seen: Set<string>): void => {
    const names = namesIn(root, path);
    if (names === undefined) return;
    if (path.split("/").length > MAX_DEPTH) {
      throw new AppError("E_STORE_INVALID", `folders in ${join(root, path)} are nested in a loop`);
    }
    seen.add(`${path}/`);
    folders.add(path);
    for (const name of names) {
      const child = path === "" ? name : `${path}/${name}`;
      if (concerns(child, prefix)) lookAt(child, seen);
    }
  };

  /** Looks at a path and below it, then forgets what was known there and is there no more. */
  const renew = (path: string): void => {
    const seen = new Set<string>();
    lookAt(path, seen);
    const within = (other: string) => path === "" || other === path || other.startsWith(`${path}/`);
    for (const key of items.keys()) {
      if (!within(key) || seen.has(key)) continue;
      items.delete(key);
      sorted = undefined;
    }
    for (const folder of folders) if (within(folder) && !seen.has(`${folder}/`)) folders.delete(folder);
  };

  return {
    scan() {
      requireRoot(root);
      renew("");
    },
    refresh(path) {
      requireRoot(root);
      if (path === "" || concerns(path, prefix)) renew(path);
    },
    pairs() {
      sorted ??= [...items.values()].map((item) => item.pair).sort(byKey);
      return sorted;
    },
    folders: () => folders,
  };
}

/** A pair as a file store makes it. */
export function toPair(key: string, value: string): Pair {
  return { key, value, index: contentIndex(value) };
}

/** Throws E_STORE_UNREACHABLE when the folder is missing: that is never "no entries". */
export function requireRoot(root: string): void {
  let stats: BigIntStats | undefined;
  try {
    stats = statSync(root, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw fileError(root, error);
  }
  if (stats?.isDirectory() === true) return;
  throw new AppError(
    "E_STORE_UNREACHABLE",
    stats === undefined ? `there is no folder ${root}` : `${root} is no folder`,
    {
      hint: "check --store, and whether its file system is mounted; an empty folder is a store without entries",
    },
  );
}

/** Whether a key is part of what a prefix means. */
export function belongs(key: string, prefix: string): boolean {
  return isFolderPrefix(prefix) ? key.startsWith(prefix) : key === prefix;
}

/** Whether a path is, is below, or leads to what a prefix means. */
function concerns(path: string, prefix: string): boolean {
  return belongs(path, prefix) || prefix.startsWith(`${path}/`);
}

function statIn(root: string, path: string): BigIntStats | undefined {
  const full = join(root, path);
  try {
    return statSync(full, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(full, error);
  }
}

function namesIn(root: string, path: string): string[] | undefined {
  const full = join(root, path);
  try {
    return readdirSync(full).filter((name) => !isHidden(name));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(full, error);
  }
}

function byKey(a: Pair, b: Pair): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
