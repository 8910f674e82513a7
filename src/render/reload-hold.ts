import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Haproxy } from "../core/haproxy.ts";
import type { Logger } from "../core/logger.ts";
import { formatMs } from "../lib/duration.ts";
import type { ReloadGroup } from "./reload-groups.ts";

/** How often it is looked whether the old workers that hold a reload up have gone, ms. */
const LOOK_AGAIN_MS = 1_000;
/** How long HAProxy may take to be asked who its old workers are, ms. */
const ASK_TIMEOUT_MS = 2_000;

interface HoldDeps {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Whether old workers hold a reload up (`max_old_workers`); then it is not due before it is looked again, and
 * `max_delay` is the end of it. Each holder is told once.
 */
export async function isHeldUp(group: ReloadGroup, call: Call, { clock, logger }: HoldDeps): Promise<boolean> {
  const settings = group.resources.find(({ haproxy }) => haproxy?.maxOldWorkers !== undefined)?.haproxy;
  if (group.haproxy === undefined || settings === undefined) return false;
  const nowMs = clock.monotonicMs();
  group.heldSinceMs ??= nowMs;
  const leftMs = group.heldSinceMs + settings.maxDelayMs - nowMs;
  const holder = await whoHoldsUp(group.haproxy, call, logger);
  if (holder !== undefined && leftMs > 0) {
    if (group.heldUpBy !== holder) logger.warn("the reload waits", { held_up_by: holder, at_most: formatMs(leftMs) });
    group.heldUpBy = holder;
    group.notBeforeMs = nowMs + Math.min(LOOK_AGAIN_MS, leftMs);
    return true;
  }
  if (holder !== undefined) logger.warn("reloads all the same: max_delay is over", { held_up_by: holder });
  group.heldSinceMs = undefined;
  group.heldUpBy = undefined;
  return false;
}

/** A master that cannot be asked holds nothing up. */
async function whoHoldsUp(haproxy: Haproxy, { signal }: Call, logger: Logger): Promise<string | undefined> {
  try {
    return await haproxy.holdsUp({ signal, timeoutMs: ASK_TIMEOUT_MS });
  } catch (error) {
    logger.warn(`old workers cannot be counted: ${errorText(error)}`);
    return undefined;
  }
}
