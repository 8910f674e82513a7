import { cutEverywhere } from "../haproxy/switch-sessions.ts";
import { askAllPeers } from "./peers-ask.ts";
import type { PeersScope, PeersWorld } from "./peers-places.ts";
import { objectionsTo, placesFor, type SwitchPlace } from "./peers-switch-checks.ts";
import { moveOnce, type Problems, type SwitchWorld, staysAgreed } from "./peers-switch-round.ts";

/** What came of a switch. */
export interface SwitchOutcome {
  /** `refused`: nothing was touched. `failed`: something was, and not all have the new writer. */
  readonly result: "switched" | "already" | "refused" | "failed";
  /** One for each HAProxy that was switched. */
  readonly moves: readonly SwitchMove[];
  /** How many HAProxies there are, those included that could not be asked. */
  readonly total: number;
  /** Why it was refused, what went wrong, or what was overridden by force. */
  readonly problems: Problems;
  /** It was refused for what `force` overrides. */
  readonly forceHelps?: boolean;
}

/** One HAProxy, moved. */
export interface SwitchMove {
  readonly name: string;
  /** The writer before; undefined: it had none. */
  readonly from: string | undefined;
  /** Sessions that were with other servers, and were cut. */
  readonly sessions: number;
}

/** How often the whole is tried: an HAProxy that cannot be asked may push the old writer to its peers. */
const ROUNDS = 3;
/** How long nobody may push the old one back before it is believed, ms: a lost connection of peers is back by then. */
const STAYS_MS = 1_500;

/**
 * Makes a server the writer in all HAProxies of the scope, cuts the sessions of the others, and verifies it. Throws E_USAGE
 * and E_CONFIG as `askAllPeers` does; an HAProxy that fails is a problem, not a throw.
 */
export async function switchWriter(
  { server, force }: { readonly server: string; readonly force: boolean },
  scope: PeersScope,
  world: PeersWorld,
): Promise<SwitchOutcome> {
  const asked = await askAllPeers(scope, world);
  const total = asked.haproxies.length;
  const { always, unlessForced } = objectionsTo(server, asked, scope.doubts);
  if (always.length > 0 || (unlessForced.length > 0 && !force)) {
    const forceHelps = always.length === 0;
    return { result: "refused", moves: [], total, problems: [...always, ...unlessForced], forceHelps };
  }
  const places = placesFor(server, asked);
  const within: SwitchWorld = { ...world, timeoutMs: scope.timeoutMs };
  const isThere = places.every(({ view }) => view.row?.server === server);
  const problems = isThere ? await cutStrays(places, within) : await move(places, within);
  const moves = places.map(describeMove);
  if (problems.length > 0) return { result: "failed", moves, total, problems: [...problems, ...unlessForced] };
  return { result: isThere ? "already" : "switched", moves, total, problems: unlessForced };
}

async function move(places: readonly SwitchPlace[], world: SwitchWorld): Promise<Problems> {
  let problems: Problems = [];
  for (let round = 1; round <= ROUNDS; round++) {
    problems = await moveOnce(places, world);
    if (problems.length > 0) return problems;
    problems = await staysAgreed(places, STAYS_MS, world);
    if (problems.length === 0) return [];
  }
  return [...problems, `it was pushed back ${ROUNDS} times: an HAProxy that was not asked may have another writer`];
}

/** A switch that was interrupted may have left sessions with the old writer. */
async function cutStrays(places: readonly SwitchPlace[], world: SwitchWorld): Promise<Problems> {
  const call = { signal: world.stop, timeoutMs: world.timeoutMs, clock: world.clock };
  for (const place of places) {
    if (sessionsElsewhere(place) > 0) await cutEverywhere(place, place.others, call);
  }
  return staysAgreed(places, 0, world);
}

function describeMove(place: SwitchPlace): SwitchMove {
  return { name: place.name, from: place.view.row?.server, sessions: sessionsElsewhere(place) };
}

function sessionsElsewhere({ view, writer }: SwitchPlace): number {
  return view.servers.filter(({ name }) => name !== writer.server).reduce((sum, { sessions }) => sum + sessions, 0);
}
