import { type BigIntStats, existsSync, mkdirSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { ABSENT, type Pair, type Store, type WriteCall } from "../core/store.ts";
import { swapIn, syncFolder, writeBeside } from "../lib/atomic-file.ts";
import { withFolderLock } from "./file-lock.ts";
import { contentIndex, fileError, printValue, readValue } from "./file-value.ts";
import { FILES_TIMING, type FilesTiming } from "./files-timing.ts";
import { createFilesTree, type FilesTree, isHidden, requireRoot, toPair } from "./files-tree.ts";
import { type WatchParts, watchTree } from "./files-watch.ts";
import { badKey, checkKey, checkPrefix } from "./key.ts";

/** The longest name of a file, bytes (NAME_MAX is 255), less what a stage file's name adds to it. */
const MAX_NAME_BYTES = 230;

/**
 * A folder as a store: a key's path below it is its file's path, the value is the file's text without the
 * newline at its end. Every write holds a lock in the folder, so check-and-set holds between processes.
 * `file:` paths are taken from the current folder.
 */
export function createFilesStore(
  path: string,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly filesTiming?: Partial<FilesTiming> },
): Store {
  const root = resolve(path);
  const { clock, logger } = deps;
  const timing = { ...FILES_TIMING, ...deps.filesTiming };
  const closing = new AbortController();
  const parts: WatchParts = { root, clock, logger, timing, closing: closing.signal };
  // A folder that goes away while it is used (an unmounted file system) is not "no entries": never made anew then.
  let wasThere = existsSync(root);
  const trees = new Map<string, FilesTree>();
  const treeOf = (prefix: string): FilesTree => {
    checkPrefix(prefix);
    const tree = trees.get(prefix) ?? createFilesTree(root, prefix, clock);
    trees.set(prefix, tree);
    return tree;
  };
  return {
    name: `file:${root}`,
    async get(key, call) {
      call.signal.throwIfAborted();
      return getPair(root, key);
    },
    async list(prefix, call) {
      call.signal.throwIfAborted();
      const tree = treeOf(prefix);
      tree.scan();
      return { prefix, pairs: tree.pairs() };
    },
    async *watch(prefix, call) {
      yield* watchTree(treeOf(prefix), prefix, { ...parts, signal: call.signal });
    },
    async put(key, value, call) {
      checkFileKey(key);
      if (!wasThere) makeRoot(root);
      requireRoot(root);
      wasThere = true;
      return changing(parts, key, call, () => putValue(root, { key, value }, call));
    },
    async delete(key, call) {
      checkFileKey(key);
      requireRoot(root);
      return changing(parts, key, call, () => deleteKey(root, key, call));
    },
    async close() {
      closing.abort();
      trees.clear();
    },
  };
}

function getPair(root: string, key: string): Pair | undefined {
  checkFileKey(key);
  requireRoot(root);
  const read = readValue(join(root, key));
  return read === undefined ? undefined : toPair(key, read.value);
}

/**
 * A first write makes the store's folder, but none above it: they are missing where a file system is not mounted,
 * and a store made anew there would say that nothing was ever written.
 */
function makeRoot(root: string): void {
  if (!existsSync(dirname(root))) return;
  try {
    mkdirSync(root, { recursive: true });
  } catch (error) {
    throw fileError(root, error);
  }
}

/** Runs one change under the lock. */
async function changing(parts: WatchParts, key: string, call: WriteCall, change: () => boolean): Promise<boolean> {
  const { root, clock, timing } = parts;
  try {
    const timeoutMs = call.timeoutMs ?? timing.lockMs;
    return await withFolderLock(root, change, { signal: call.signal, timeoutMs, clock });
  } catch (error) {
    if (call.signal.aborted) throw error;
    throw fileError(join(root, key), error);
  }
}

function putValue(root: string, { key, value }: { key: string; value: string }, { ifIndex }: WriteCall): boolean {
  const path = join(root, key);
  const now = readValue(path);
  if (!isExpected(now?.value, ifIndex)) return false;
  if (now?.value === value) return true;
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const stage = writeBeside(path, printValue(value), { ownership: ownershipFor(path), fsync: true });
  try {
    swapIn(stage, path);
  } catch (error) {
    unlinkSync(stage);
    throw error;
  }
  syncFolder(folder);
  return true;
}

function deleteKey(root: string, key: string, { ifIndex }: WriteCall): boolean {
  const path = join(root, key);
  const now = readValue(path);
  if (now === undefined) return true;
  if (!isExpected(now.value, ifIndex)) return false;
  unlinkSync(path);
  syncFolder(dirname(path));
  removeEmptyFolders(root, dirname(key));
  return true;
}

function isExpected(value: string | undefined, ifIndex: string | undefined): boolean {
  if (ifIndex === undefined) return true;
  return ifIndex === (value === undefined ? ABSENT : contentIndex(value));
}

/** An existing file keeps its owner and mode; a new one may be read by all. */
function ownershipFor(path: string): { mode: number; uid: number; gid: number } {
  const stats: BigIntStats | undefined = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return { mode: 0o644, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  return { mode: Number(stats.mode) & 0o777, uid: Number(stats.uid), gid: Number(stats.gid) };
}

/** Keys have no folders of their own: one that held only the deleted key goes with it, the store's own stays. */
function removeEmptyFolders(root: string, folder: string): void {
  for (let path = folder; path !== "."; path = dirname(path)) {
    try {
      rmdirSync(join(root, path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOTEMPTY" || code === "EEXIST" || code === "EBUSY" || code === "ENOENT") return;
      throw error;
    }
  }
}

/** As {@link checkKey}, and each segment must be able to name a file that is not hidden. */
function checkFileKey(key: string): void {
  checkKey(key);
  for (const segment of key.split("/")) {
    if (isHidden(segment)) throw badKey(key, `has the segment "${segment}", which a folder store takes for no key`);
    if (Buffer.byteLength(segment) > MAX_NAME_BYTES)
      throw badKey(key, `has a segment of more than ${MAX_NAME_BYTES} bytes`);
  }
}
