import { AppError } from "../core/errors.ts";
import { lookAtPeers, TableChoiceError } from "../haproxy/peers-view.ts";
import { openRuntimeSocket } from "../haproxy/runtime-socket.ts";
import { withDeadline } from "../lib/deadline.ts";
import type { PeersScope, PeersWorld } from "./peers-places.ts";
import { type AskedAll, type AskedPlace, mergeWays, sameWay } from "./peers-ways.ts";

/**
 * Asks all of them at once, each within the timeout; never throws because of one of them. Throws E_USAGE when which table
 * is meant can be told of none, or when they would take different ones; E_CONFIG for a socket that is none.
 */
export async function askAllPeers(scope: PeersScope, world: PeersWorld): Promise<AskedAll> {
  const unique = scope.places.filter(
    (place, at) => scope.places.findIndex(({ address }) => sameWay(address) === sameWay(place.address)) === at,
  );
  const opened = unique.map((place) => ({ place, socket: openRuntimeSocket(place.address) }));
  const asked = await Promise.all(opened.map((one) => askOne(one, scope, world)));
  rejectWrongTable(asked);
  return mergeWays(asked, scope.unasked);
}

async function askOne(
  { place, socket }: Omit<AskedPlace, "answer">,
  { table, backend, timeoutMs }: PeersScope,
  { clock, stop }: PeersWorld,
): Promise<AskedPlace> {
  const what = `HAProxy at ${place.address}: asking for its peers`;
  try {
    const view = await withDeadline(what, timeoutMs, stop, (signal) =>
      lookAtPeers(socket, { table, backend }, { signal, timeoutMs, clock }),
    );
    return { place, socket, answer: { view } };
  } catch (error) {
    stop.throwIfAborted();
    if (!(error instanceof AppError)) throw error;
    return { place, socket, answer: { error } };
  }
}

/** What is wrong with the question is said once; what is wrong with one of them is its own trouble. */
function rejectWrongTable(asked: readonly AskedPlace[]): void {
  const views = asked.flatMap(({ answer }) => ("view" in answer ? [answer.view] : []));
  const choices = asked.flatMap(({ answer }) =>
    "error" in answer && answer.error instanceof TableChoiceError ? [answer.error] : [],
  );
  const [unclear] = choices;
  if (views.length === 0 && unclear !== undefined) throw unclear;
  const tables = new Set(views.map(({ table, backend }) => `${table.name} for the servers of ${backend}`));
  if (tables.size < 2) return;
  throw new AppError("E_USAGE", `the HAProxies would take different stick tables: ${[...tables].join("; ")}`, {
    hint: "name it with --table, and with --proxy",
  });
}
