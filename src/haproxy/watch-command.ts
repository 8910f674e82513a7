import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { askProcesses } from "./processes.ts";
import { judgeReload } from "./reload-judgement.ts";
import type { ReloadOutcome } from "./reload-master.ts";
import { type BeforeReload, type Watched, watchReload } from "./reload-outcome.ts";

/** How the reload of one HAProxy ended, and what there is to doubt in it. */
export type Ended = ReloadOutcome & { readonly doubt?: string };

/** How long a command whose reload was lost is waited for before it is given once more, ms. */
const LOST_MS = 3_000;
/** How long an HAProxy that did not answer before the reload is waited for after it, ms. */
const BLIND_MS = 5_000;
/** And one that could not be seen at the reload before either, ms: whatever else changes waits for it. */
const STILL_BLIND_MS = 500;
/** How long a reload may take when the caller does not say, ms. */
const TIMEOUT_MS = 30_000;

/** One HAProxy whose reload was asked for. */
export interface Commanded {
  readonly seen: BeforeReload;
  /** Whether it could not be seen at the reload before either. */
  readonly wasBlind: boolean;
  /** Asks once more. */
  readonly command: () => Promise<void>;
}

/**
 * Waits for what comes of a `reload_cmd` that has ended well. The master of 2.6 loses a signal that comes while it is
 * still at the last reload: where the master says that nothing has happened, the command is given once more.
 */
export async function watchCommand(
  watched: Watched,
  { seen, wasBlind, command }: Commanded,
  { clock, call }: { readonly clock: Clock; readonly call: Call },
): Promise<Ended> {
  const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
  if (seen.worker === undefined)
    return watchBlind(watched, seen, { ...call, timeoutMs: Math.min(wasBlind ? STILL_BLIND_MS : BLIND_MS, timeoutMs) });
  if (seen.processes === undefined) return watchReload(seen, watched, { ...call, timeoutMs });
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(1, untilMs - clock.monotonicMs());
    const outcome = await watchReload(seen, watched, { ...call, timeoutMs: Math.min(LOST_MS, leftMs) });
    if (outcome.result !== "unclear" || outcome.differs !== undefined) return outcome;
    if (clock.monotonicMs() >= untilMs) return outcome;
    if (await wasLost(seen, watched, call)) await command();
  }
}

/** Who can be seen neither before nor after is believed of its command: else it would be reloaded again and again. */
async function watchBlind(watched: Watched, seen: BeforeReload, call: Call): Promise<Ended> {
  const outcome = await watchReload(seen, watched, call);
  if (outcome.result !== "unclear" || outcome.differs !== undefined) return outcome;
  const doubt = `the reload is believed of its command, since HAProxy cannot be asked: ${outcome.says}`;
  return { result: "loaded", workerPid: 0, tookMs: 0, doubt };
}

async function wasLost({ processes: before }: BeforeReload, { master }: Watched, call: Call): Promise<boolean> {
  if (before === undefined || master === undefined) return false;
  const { processes } = await askProcesses(master, call);
  return processes !== undefined && judgeReload(before, processes).is === "unchanged";
}
