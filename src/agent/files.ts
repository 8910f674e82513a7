import { closeSync, openSync, readFileSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import { slept } from "./sweep.ts";

/** Where the system does not say how many files a process may have open. */
const USUAL_FILES = 1_024;

/** How often it is tried whether there is a file left, ms. */
const TRY_MS = 1_000;

/** How many files this process may have open, proc(5); Node has raised the soft limit to the hard one at its start. */
export function openFilesAllowed(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? USUAL_FILES : Number(soft);
  } catch {
    return USUAL_FILES;
  }
}

/** When it aborts, and by which time. */
export interface Watching {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Tells when a connection could not be taken for want of a file, until the signal. Node closes such connections and says
 * nothing (libuv's uv__emfile_trick), so it is tried out.
 */
export async function watchFiles(onNone: (error: unknown) => void, { clock, signal }: Watching): Promise<void> {
  while (await slept(TRY_MS, clock, signal)) {
    try {
      closeSync(openSync("/dev/null", "r"));
    } catch (error) {
      onNone(error);
    }
  }
}
