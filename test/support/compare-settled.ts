import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { compareServers, type Drift, type Known } from "../../src/haproxy/compare.ts";
import type { ConfiguredServer } from "../../src/haproxy/difference.ts";
import type { RuntimeSocket } from "../../src/haproxy/runtime-socket.ts";
import { readServers } from "../../src/haproxy/servers-state.ts";
import { untilSettled } from "../../src/haproxy/settle.ts";

/** In what a HAProxy that was just changed differs from what it is to be. */
export function compareSettled(
  socket: RuntimeSocket,
  configured: readonly ConfiguredServer[],
  call: Call & Known & { readonly clock: Clock },
): Promise<readonly Drift[]> {
  return untilSettled(async () => compareServers(configured, await readServers(socket, call), call), call);
}
