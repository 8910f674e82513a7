import type { Call } from "../core/call.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { RowView } from "../haproxy/peers-table.ts";
import { readWriter } from "../haproxy/peers-view.ts";
import { type Held, holdOthers } from "../haproxy/switch-hold.ts";
import { writeRow } from "../haproxy/switch-row.ts";
import { cutEverywhere } from "../haproxy/switch-sessions.ts";
import type { PeersWorld } from "./peers-places.ts";
import type { SwitchPlace } from "./peers-switch-checks.ts";

/** What moving takes. */
export interface SwitchWorld extends PeersWorld {
  /** For each answer of HAProxy, ms. */
  readonly timeoutMs: number;
}

/** What is wrong with one HAProxy, in words that begin with its name. */
export type Problems = readonly string[];

/** How long the tables may take to say the same, ms: clients come, and peers talk. */
const AGREE_MS = 5_000;
const LOOK_EVERY_MS = 50;
/** How often bringing the others back into use is tried, and how soon again, ms. */
const RELEASES = 5;
const RELEASE_AGAIN_MS = 200;

/**
 * Moves the writer once: the other servers out of use everywhere, then the rows, then the sessions, and when all tables
 * say the same, the other servers back. In that order nobody can write the old server into a table again. What was taken
 * out of use is brought back whatever happens, an abort too.
 */
export async function moveOnce(places: readonly SwitchPlace[], world: SwitchWorld): Promise<Problems> {
  const call = { signal: world.stop, timeoutMs: world.timeoutMs, clock: world.clock };
  const held: HeldPlace[] = [];
  let problems: Problems;
  try {
    problems = await holdAll(places, held, call);
    if (problems.length === 0) problems = await moveRows(places, call);
    if (problems.length === 0) problems = await untilAgreed(places, world);
  } catch (error) {
    const left = await releaseAll(held, world);
    if (left.length > 0) throw new AppError("E_HAPROXY", left.join("; "), { cause: error });
    throw error;
  }
  return [...problems, ...(await releaseAll(held, world))];
}

function moveRows(places: readonly SwitchPlace[], call: TimedCall): Promise<Problems> {
  return onEach(places, async (place) => {
    await writeRow(place.socket, rowOf(place), call);
    await cutEverywhere(place, place.others, call);
  });
}

/** Looks again for a while: none of the peers has pushed the old one back. */
export async function staysAgreed(
  places: readonly SwitchPlace[],
  forMs: number,
  world: SwitchWorld,
): Promise<Problems> {
  const untilMs = world.clock.monotonicMs() + forMs;
  for (;;) {
    const wrong = await wrongRows(places, world);
    if (wrong.length > 0 || world.clock.monotonicMs() >= untilMs) return wrong;
    await world.clock.sleep(LOOK_EVERY_MS, world.stop);
  }
}

interface HeldPlace {
  readonly name: string;
  readonly held: Held;
}

type TimedCall = Call & Pick<PeersWorld, "clock">;

/**
 * Adds each to `held`, whatever becomes of the others. Where the new writer is not up the others stay in use: else clients
 * of that HAProxy would have none at all.
 */
function holdAll(places: readonly SwitchPlace[], held: HeldPlace[], call: TimedCall): Promise<Problems> {
  const ready = places.filter(({ isUp }) => isUp);
  return onEach(ready, async ({ name, socket, view, writer }) => {
    held.push({ name, held: await holdOthers(socket, { from: view.row?.server, to: writer }, call) });
  });
}

/** On a signal of its own: what was taken out of use must not stay so because somebody pressed Ctrl-C. */
async function releaseAll(held: readonly HeldPlace[], { clock, timeoutMs }: SwitchWorld): Promise<Problems> {
  const call = { signal: new AbortController().signal, timeoutMs };
  return onEach(held, async ({ held: one }) => {
    for (let tries = 1; ; tries++) {
      try {
        return await one.release(call);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (tries === RELEASES) throw stillHeld(one, error);
        await clock.sleep(RELEASE_AGAIN_MS, call.signal);
      }
    }
  });
}

function stillHeld({ commands }: Held, cause: AppError): AppError {
  const message = `servers are still in maintenance; type into its runtime socket: ${commands.join("; ")}`;
  return new AppError("E_HAPROXY", message, { cause });
}

async function untilAgreed(places: readonly SwitchPlace[], world: SwitchWorld): Promise<Problems> {
  const { clock, stop, timeoutMs } = world;
  const untilMs = clock.monotonicMs() + AGREE_MS;
  for (;;) {
    const wrong = await wrongRows(places, world);
    if (wrong.length === 0 || clock.monotonicMs() >= untilMs) return wrong;
    await clock.sleep(LOOK_EVERY_MS, stop);
    // Somebody's connection was on its way when the row was written: nobody else can come now.
    await onEach(places, (place) => writeRow(place.socket, rowOf(place), { signal: stop, timeoutMs }));
  }
}

/** What the tables say that do not mean the new writer. */
async function wrongRows(places: readonly SwitchPlace[], { clock, stop, timeoutMs }: SwitchWorld): Promise<Problems> {
  const wrong: string[] = [];
  const problems = await onEach(places, async ({ name, socket, view, writer }) => {
    const about = { table: view.table.name, servers: view.servers };
    const row = await readWriter(socket, about, { signal: stop, timeoutMs, clock });
    if (row?.server !== writer.server) wrong.push(`${name}: its table says ${describeRow(row)}`);
  });
  return [...problems, ...wrong];
}

function describeRow(row: RowView | undefined): string {
  if (row === undefined) return "nothing";
  return row.server ?? `what is no server there: ${row.text}`;
}

function rowOf({ view, writerId }: SwitchPlace): { readonly table: string; readonly serverId: string } {
  return { table: view.table.name, serverId: writerId };
}

/** All at once, and all to their end; what fails is a problem of that one. Throws the reason of an abort. */
async function onEach<T extends { readonly name: string }>(
  places: readonly T[],
  work: (place: T) => Promise<unknown>,
): Promise<Problems> {
  const settled = await Promise.allSettled(places.map(work));
  return settled.flatMap((one, at) => {
    if (one.status === "fulfilled") return [];
    if (!(one.reason instanceof AppError)) throw one.reason;
    return [`${places[at]?.name}: ${errorText(one.reason)}`];
  });
}
