import { type FSWatcher, watch as watchFolder } from "node:fs";
import { basename, join } from "node:path";
import type { Logger } from "../core/logger.ts";

/** Reports changes in folders as the kernel tells of them. */
export interface FolderWatch {
  /**
   * Watches exactly these folders, relative to the root, from now on. True when one of them was not watched
   * before: what happened in it until now was not reported.
   */
  follow(folders: ReadonlySet<string>): boolean;
  close(): void;
}

/** What may have changed. */
export interface FolderChange {
  /** Relative to the root; "" when it cannot be told: look at everything. */
  readonly path: string;
  /** The file was swapped in whole, so it may be read at once; otherwise someone may still be writing. */
  readonly whole: boolean;
}

/**
 * Watches single folders (inotify), because a recursive watch of Node 20 lists the tree on its own and
 * reports late. A folder that cannot be watched is logged once and left to the caller's rescans.
 */
export function createFolderWatch(root: string, onChange: (change: FolderChange) => void, logger: Logger): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  const staged = new Set<string>();
  let complained = false;

  const complain = (folder: string, error: unknown): void => {
    if (complained) return;
    complained = true;
    logger.warn("a folder cannot be watched, changes in it are seen later", {
      store: join(root, folder),
      err: String(error),
    });
  };

  const drop = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };

  const onEvent = (folder: string, event: string, name: string | null): void => {
    // A folder that is removed or moved away says so under its own name; its watch is then of no use.
    if (name === basename(join(root, folder))) {
      drop(folder);
      onChange({ path: "", whole: true });
      return;
    }
    const change = changeOf(folder, name, staged);
    if (change === undefined) return;
    // Something else may be at that path now than what is being watched.
    if (event === "rename") drop(change.path);
    onChange(change);
  };

  const add = (folder: string): boolean => {
    try {
      const watcher = watchFolder(join(root, folder), { persistent: false }, (event, name) =>
        onEvent(folder, event, name),
      );
      watcher.on("error", (error) => {
        complain(folder, error);
        drop(folder);
        onChange({ path: "", whole: true });
      });
      watchers.set(folder, watcher);
      return true;
    } catch (error) {
      // Gone already, or no watches left: the folder's parent, or the next rescan, brings the truth.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") complain(folder, error);
      return false;
    }
  };

  return {
    follow(folders) {
      for (const folder of [...watchers.keys()]) if (!folders.has(folder)) drop(folder);
      const added = [...folders].filter((folder) => !watchers.has(folder) && add(folder));
      return added.length > 0;
    },
    close() {
      for (const folder of [...watchers.keys()]) drop(folder);
    },
  };
}

/** Names of stage files: ours (`lib/atomic-file.ts`) and rsync's. */
const STAGES = [/^\.(.+)\.\d+\.[0-9a-z]{6,}$/, /^\.(.+)\.[A-Za-z0-9]{6}$/];

/**
 * What an event in a folder means. A stage file that comes just before NAME tells that NAME is then swapped
 * in whole. A name beginning with two dots is the link that Kubernetes swaps to change all files of a volume
 * at once.
 */
function changeOf(folder: string, name: string | null, staged: Set<string>): FolderChange | undefined {
  if (name === null || name.startsWith("..")) return { path: "", whole: true };
  const within = folder === "" ? "" : `${folder}/`;
  if (!name.startsWith(".")) return { path: within + name, whole: staged.delete(within + name) };
  const target = STAGES.map((stage) => stage.exec(name)?.[1]).find((match) => match !== undefined);
  if (target !== undefined) staged.add(within + target);
  return undefined;
}
