import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Haproxy } from "../core/haproxy.ts";
import type { Logger } from "../core/logger.ts";
import { formatMs } from "../lib/duration.ts";
import type { ReloadGroup } from "./reload-groups.ts";

/** How often it is looked whether what holds a reload up has gone, ms. */
const LOOK_AGAIN_MS = 1_000;
/** HAProxy itself waits 5 s for the process before it and 5 s for its peers, ms. */
const LEARNING_MS = 15_000;
/** How long HAProxy may take to be asked, ms. */
const ASK_TIMEOUT_MS = 2_000;

interface HoldDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What keeps a reload waiting, in words, and how long it may. */
interface Holder {
  readonly says: string;
  readonly atMostMs: number;
  /** What is told when that is over. */
  readonly over: string;
}

/**
 * Whether a reload must wait: for old workers (`max_old_workers`, `max_delay`), and where the resource has `[peers]` until
 * HAProxy has learned its stick table, since else the next process begins with an empty one. It is not due before it is
 * looked again. Each holder is told once.
 */
export async function isHeldUp(group: ReloadGroup, call: Call, { clock, logger }: HoldDeps): Promise<boolean> {
  if (group.haproxy === undefined) return false;
  const nowMs = clock.monotonicMs();
  const holders = await holdersOf(group, group.haproxy, { signal: call.signal, logger });
  if (holders.length > 0) group.heldSinceMs ??= nowMs;
  const heldMs = nowMs - (group.heldSinceMs ?? nowMs);
  const holder = holders.find(({ atMostMs }) => atMostMs > heldMs);
  if (holder !== undefined) {
    const leftMs = holder.atMostMs - heldMs;
    if (group.heldUpBy !== holder.says) {
      logger.warn("the reload waits", { held_up_by: holder.says, at_most: formatMs(leftMs) });
    }
    group.heldUpBy = holder.says;
    group.notBeforeMs = nowMs + Math.min(LOOK_AGAIN_MS, leftMs);
    return true;
  }
  for (const { says, over } of holders) logger.warn(`reloads all the same: ${over}`, { held_up_by: says });
  group.heldSinceMs = undefined;
  group.heldUpBy = undefined;
  return false;
}

async function holdersOf(
  { resources }: ReloadGroup,
  haproxy: Haproxy,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<readonly Holder[]> {
  const within = { signal, timeoutMs: ASK_TIMEOUT_MS };
  const holders: Holder[] = [];
  if (resources.some(({ peers }) => peers !== undefined)) {
    const says = await answered(
      () => haproxy.learns(within),
      // What becomes of the reload tells more.
      (why) => logger.debug(`whether HAProxy has learned its stick table is not known: ${why}`),
    );
    if (says !== undefined) holders.push({ says, atMostMs: LEARNING_MS, over: "it has learned for too long" });
  }
  const settings = resources.find(({ haproxy: one }) => one?.maxOldWorkers !== undefined)?.haproxy;
  if (settings !== undefined) {
    const says = await answered(
      () => haproxy.holdsUp(within),
      (why) => logger.warn(`old workers cannot be counted: ${why}`),
    );
    if (says !== undefined) holders.push({ says, atMostMs: settings.maxDelayMs, over: "max_delay is over" });
  }
  return holders;
}

/** One that cannot be asked holds nothing up. */
async function answered(
  ask: () => Promise<string | undefined>,
  tell: (why: string) => void,
): Promise<string | undefined> {
  try {
    return await ask();
  } catch (error) {
    tell(errorText(error));
    return undefined;
  }
}
