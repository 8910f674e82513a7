import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Pair, Snapshot } from "../core/store.ts";
import { createWake, type Wake } from "../lib/wake.ts";
import type { FilesTiming } from "./files-timing.ts";
import type { FilesTree } from "./files-tree.ts";
import { createFolderWatch, type FolderChange } from "./folder-watch.ts";

/** A file that is written in place without a pause is read after this many settle times all the same. */
const MAX_SETTLES = 10;

/** What all watches of one store share. */
export interface WatchParts {
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timing: FilesTiming;
  /** Ends every watch of the store when aborted. */
  readonly closing: AbortSignal;
}

/** When changed paths fall due. A path that goes on changing is put off, but not for ever. */
interface Dirty {
  add(change: FolderChange): void;
  /** Ms until the first one falls due, or undefined. */
  dueInMs(): number | undefined;
  /** The paths that are due, which are forgotten. */
  take(): string[];
}

/** Full snapshots of a tree: the present one, then one per change of content. Ends by throwing. */
export async function* watchTree(
  tree: FilesTree,
  prefix: string,
  call: Call & WatchParts,
): AsyncGenerator<Snapshot, void, undefined> {
  const { clock, timing } = call;
  const wake = createWake();
  const dirty = createDirty(clock, timing.settleMs);
  const onChange = (change: FolderChange) => {
    dirty.add(change);
    wake.ring();
  };
  const folders = createFolderWatch(call.root, onChange, call.logger);
  const untilFollowed = (look: () => void) => {
    do look();
    while (folders.follow(tree.folders()));
  };
  const onClosing = () => wake.ring();
  call.closing.addEventListener("abort", onClosing, { once: true });
  try {
    let last: readonly Pair[] | undefined;
    let scanMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      stopIfDone(call);
      if (clock.monotonicMs() - scanMs >= timing.rescanMs) {
        untilFollowed(() => tree.scan());
        scanMs = clock.monotonicMs();
      }
      for (const path of dirty.take()) untilFollowed(() => tree.refresh(path));
      const pairs = tree.pairs();
      if (last === undefined || !sameContent(last, pairs)) {
        last = pairs;
        yield { prefix, pairs };
        continue;
      }
      await rest(
        wake,
        Math.min(dirty.dueInMs() ?? Number.POSITIVE_INFINITY, scanMs + timing.rescanMs - clock.monotonicMs()),
        call,
      );
    }
  } finally {
    call.closing.removeEventListener("abort", onClosing);
    folders.close();
  }
}

function rest(wake: Wake, ms: number, call: Call): Promise<void> {
  return ms <= 0 ? Promise.resolve() : wake.wait(ms, call.signal);
}

function stopIfDone(call: Call & WatchParts): void {
  call.signal.throwIfAborted();
  if (call.closing.aborted) throw new AppError("E_STORE_UNREACHABLE", "the store is closed");
}

function createDirty(clock: Clock, settleMs: number): Dirty {
  const paths = new Map<string, { dueMs: number; latestMs: number }>();
  return {
    add({ path, whole }) {
      const nowMs = clock.monotonicMs();
      const latestMs = paths.get(path)?.latestMs ?? nowMs + settleMs * MAX_SETTLES;
      paths.set(path, { dueMs: whole ? nowMs : Math.min(nowMs + settleMs, latestMs), latestMs });
    },
    dueInMs() {
      if (paths.size === 0) return undefined;
      return Math.min(...[...paths.values()].map(({ dueMs }) => dueMs)) - clock.monotonicMs();
    },
    take() {
      const nowMs = clock.monotonicMs();
      const due = [...paths].filter(([, { dueMs }]) => dueMs <= nowMs).map(([path]) => path);
      for (const path of due) paths.delete(path);
      return due;
    },
  };
}

function sameContent(a: readonly Pair[], b: readonly Pair[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((pair, i) => pair.key === b[i]?.key && pair.value === b[i]?.value);
}
