import { readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Tells when a file shows a text, to the moment the kernel says that the file was replaced. */
export interface FileNews {
  /** Resolves to `performance.now()` of the replacement after which the file contains `text`. */
  until(text: string): Promise<number>;
  close(): void;
}

/** Watches the folder of `path` (inotify): a rename there is seen at once, without polling. */
export function followFile(path: string): FileNews {
  const name = basename(path);
  let waiting: { text: string; resolve: (atMs: number) => void } | undefined;
  const look = (atMs: number) => {
    if (waiting === undefined || !readFileSync(path, "utf8").includes(waiting.text)) return;
    const { resolve } = waiting;
    waiting = undefined;
    resolve(atMs);
  };
  const watcher = watch(dirname(path), (_, changed) => {
    if (changed === name) look(performance.now());
  });
  return {
    until: (text) =>
      new Promise((resolve) => {
        waiting = { text, resolve };
      }),
    close: () => watcher.close(),
  };
}
