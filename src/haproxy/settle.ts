import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Drift } from "./compare.ts";

/** How long an address may take to be so once HAProxy has said that it is, ms. It takes less than one as a rule. */
const SETTLE_MS = 500;

const LOOK_EVERY_MS = 2;

/**
 * Looks until no address differs, for a moment: from 3.0 on HAProxy says that an address is changed and changes it
 * afterwards (`server_atomic_sync` in src/server.c). To be used after runtime steps, and before sessions are cut.
 * Resolves to what was seen last.
 */
export async function untilSettled(
  look: () => Promise<readonly Drift[]>,
  { clock, signal }: Call & { readonly clock: Clock },
): Promise<readonly Drift[]> {
  const untilMs = clock.monotonicMs() + SETTLE_MS;
  for (;;) {
    const drifts = await look();
    const isSettled = !drifts.some(({ what }) => what === "address");
    if (isSettled || clock.monotonicMs() >= untilMs) return drifts;
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}
