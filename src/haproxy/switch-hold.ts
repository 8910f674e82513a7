import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { RuntimeStep, ServerRef } from "./difference.ts";
import { runSteps, StepsError, undoSteps } from "./run-steps.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { ADMIN, type RunningServer, readServers } from "./servers-state.ts";
import { setMaintenance } from "./steps.ts";

/** Servers that were taken out of use for a moment. */
export interface Held {
  readonly servers: readonly ServerRef[];
  /** What a person types into the runtime socket where {@link Held.release} failed. */
  readonly commands: readonly string[];
  /** Brings each back to what it was, ready or drain. Safe to call again after it failed. Throws E_HAPROXY. */
  release(call: Call): Promise<void>;
}

/** From whom the writer is moved to whom. */
export interface Movement {
  /** Undefined: there is no writer yet. */
  readonly from: string | undefined;
  readonly to: ServerRef;
}

/**
 * Puts all servers of the backend but one into maintenance, those that a client could reach. Only so can no client make
 * another one the writer while the writer is moved: each new connection writes the server that it was given into the
 * table, and tells the peers. In drain a client still follows the row. Throws E_HAPROXY; what was done is taken back then.
 */
export async function holdOthers(
  socket: RuntimeSocket,
  { from, to }: Movement,
  call: Call & { readonly clock: Clock },
): Promise<Held> {
  const servers = await readServers(socket, call, to.backend);
  const others = servers.filter((one) => one.server !== to.server && isReachable(one));
  const steps = inOrder(others, from).map(hold);
  try {
    await runSteps(socket, steps, call);
  } catch (error) {
    const begun = error instanceof StepsError ? error.begun : [];
    await undoSteps(socket, begun, { ...call, signal: new AbortController().signal });
    throw error;
  }
  return {
    servers: steps.map(({ about }) => about),
    commands: steps.flatMap(({ undo }) => undo ?? []),
    release: (later) => undoSteps(socket, steps, later),
  };
}

/**
 * The writer last: its clients are cut then, and must find nobody but the new one, or they are cut a second time. HAProxy
 * gives clients without a row to the first that it can use, so that the others go from the end.
 */
function inOrder(servers: readonly RunningServer[], writer: string | undefined): readonly RunningServer[] {
  const reversed = servers.toReversed();
  return [...reversed.filter((one) => one.server !== writer), ...reversed.filter((one) => one.server === writer)];
}

const MAINTENANCE = ADMIN.forcedMaint | ADMIN.inheritedMaint | ADMIN.resolutionMaint;
const STOPPED = 0;

function isReachable({ operState, adminState }: RunningServer): boolean {
  return operState !== STOPPED && (adminState & MAINTENANCE) === 0;
}

function hold(server: RunningServer): RuntimeStep {
  const step = setMaintenance({ backend: server.backend, server: server.server }, true);
  if ((server.adminState & ADMIN.forcedDrain) === 0) return step;
  return { ...step, undo: `set server ${server.backend}/${server.server} state drain` };
}
