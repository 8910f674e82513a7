import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { compareServers, type Drift, type Known } from "./compare.ts";
import type { ConfiguredServer } from "./difference.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { readServers } from "./servers-state.ts";

/** How long an address may take to be so once HAProxy has said that it is, ms. It takes less than one as a rule. */
const SETTLE_MS = 500;

const LOOK_EVERY_MS = 2;

/**
 * Reads the servers and compares them, see {@link compareServers}. From 3.0 on HAProxy says that an address is changed
 * and changes it afterwards (`server_atomic_sync` in src/server.c), so one that differs is looked at again for a moment.
 * To be called after runtime steps, and before sessions are cut.
 */
export async function compareSettled(
  socket: RuntimeSocket,
  configured: readonly ConfiguredServer[],
  call: Call & Known & { readonly clock: Clock },
): Promise<readonly Drift[]> {
  const untilMs = call.clock.monotonicMs() + SETTLE_MS;
  for (;;) {
    const drifts = compareServers(configured, await readServers(socket, call), call);
    const isSettled = !drifts.some(({ what }) => what === "address");
    if (isSettled || call.clock.monotonicMs() >= untilMs) return drifts;
    await call.clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}
