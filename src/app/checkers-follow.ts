import { type BigIntStats, statSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import { isAbort } from "../core/errors.ts";

/** How often the files are looked at: as often as the replaced checker read its db.conf. */
const LOOK_MS = 1_000;

const NOT_SEEN = "not seen yet";

/** Looks at files for as long as the signal says. */
export interface FollowedFiles {
  /** From now on these. What is new among them counts as changed once: it was read before it was looked at. */
  follow(files: readonly string[]): void;
}

/** Calls `onChange` when one of the files has another content, or is there or not there any more. */
export function followFiles(options: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
}): FollowedFiles & { readonly ended: Promise<void> } {
  const { clock, signal, onChange } = options;
  let seen = new Map<string, string>();

  async function run(): Promise<void> {
    for (;;) {
      await clock.sleep(LOOK_MS, signal);
      const now = new Map([...seen.keys()].map((file) => [file, fingerprint(file)]));
      if ([...now].every(([file, state]) => seen.get(file) === state)) continue;
      seen = now;
      onChange();
    }
  }

  const ended = run().catch((error: unknown) => {
    if (!isAbort(error, signal)) throw error;
  });
  return {
    ended,
    follow(files) {
      seen = new Map(files.map((file) => [file, seen.get(file) ?? NOT_SEEN]));
    },
  };
}

/** Changes with the content. A second write within the clock's grain is told by the size or by ctime in ns. */
function fingerprint(file: string): string {
  const stats: BigIntStats | undefined = statSync(file, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return "not there";
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(" ");
}
