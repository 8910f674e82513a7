import { setMaxListeners } from "node:events";
import { isAbort } from "../core/errors.ts";
import { assemble, type GroupDeps } from "./assembly.ts";
import { type GroupOptions, validateGroup } from "./options.ts";

/**
 * Checks the servers of one tag and publishes the right one until the signal aborts; then it resolves, with
 * all connections closed. Rejects with E_USAGE and E_CONFIG for options that cannot work, and for a bug;
 * never because of a server or the store.
 */
export async function runGroup(options: GroupOptions, deps: GroupDeps): Promise<void> {
  validateGroup(options, deps.checker);
  const stop = new AbortController();
  // A listener per tag, and per question under way: many by design, none left behind.
  setMaxListeners(0, deps.signal, stop.signal);
  const onAbort = () => stop.abort(deps.signal.reason);
  deps.signal.addEventListener("abort", onAbort, { once: true });
  if (deps.signal.aborted) onAbort();
  try {
    await run(options, deps, stop);
  } finally {
    deps.signal.removeEventListener("abort", onAbort);
  }
}

/** A round that begins later than this is counted as late. */
const LATE_MS = 100;

async function run(options: GroupOptions, deps: GroupDeps, stop: AbortController): Promise<void> {
  const { signal } = stop;
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    if (isAbort(error, signal)) return;
    failures.push(error);
    stop.abort(error);
  };
  const pending = new Set<Promise<void>>();
  const background = (work: Promise<void>) => {
    const guarded = work.catch(fail).finally(() => pending.delete(guarded));
    pending.add(guarded);
  };
  const { roster, loops, counters } = assemble(options, { ...deps, signal }, { fail, background });
  try {
    await roster.refresh();
    for (const loop of loops) background(loop());
    await tick(options, { ...deps, signal }, (lateMs) => {
      counters.rounds += 1;
      if (lateMs > LATE_MS) counters.lateRounds += 1;
      for (const member of roster.members) void member.check();
      roster.refresh().catch(fail);
    });
  } catch (error) {
    fail(error);
  }
  await roster.close();
  await Promise.all(pending);
  if (failures.length > 0) throw failures[0];
}

/** Servers are asked when the agent is asked. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/**
 * Calls `work` each interval, on a grid that does not drift, with how late it is; ends only by rejecting when the signal aborts.
 * Ticks that were missed (a paused process) are left out. `work` must not overlap itself by its own means.
 */
async function tick(
  options: GroupOptions,
  { clock, signal }: GroupDeps,
  work: (lateMs: number) => void,
): Promise<never> {
  const { intervalMs, phaseMs = 0 } = options;
  if (intervalMs === 0) return untilAborted(signal);
  let nextMs = clock.monotonicMs() + (phaseMs > 0 ? phaseMs : intervalMs);
  for (;;) {
    await clock.sleep(Math.max(0, nextMs - clock.monotonicMs()), signal);
    work(clock.monotonicMs() - nextMs);
    // A timer may ring a fraction of a millisecond early: that is no round missed, and none gained.
    const missed = Math.max(0, Math.floor((clock.monotonicMs() - nextMs) / intervalMs));
    nextMs += (missed + 1) * intervalMs;
  }
}
