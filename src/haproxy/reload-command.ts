import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Instance } from "./instance.ts";
import { type BeforeReload, type Watched, watchReload } from "./reload-outcome.ts";
import { type Ended, watchCommand } from "./watch-command.ts";

/** One of the HAProxies that are reloaded, and who answered there before. */
export interface Party {
  readonly instance: Instance;
  readonly watched: Watched;
  readonly seen: BeforeReload;
}

/** How long HAProxies that run may take to show that a command that failed has reloaded them, ms. */
const AFTER_FAILURE_MS = 3_000;

/** Gives a command that reloads all of them, and looks at what comes of it. Throws E_RELOAD when the command fails. */
export async function reloadByCommand(
  parties: readonly Party[],
  command: () => Promise<void>,
  world: { readonly clock: Clock; readonly call: Call },
): Promise<readonly Ended[]> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return afterFailure(error, parties, world.call);
  }
  return Promise.all(
    parties.map(async ({ instance, watched, seen }) => {
      const ended = await watchCommand(watched, { seen, wasBlind: instance.isBlind, command }, world);
      instance.isBlind = ended.doubt !== undefined;
      return ended;
    }),
  );
}

/**
 * A command for several HAProxies fails because of one that does not run. Where all the others have taken the file it is
 * not given again and again, each time a reload for those: the one that is down reads the file when it starts.
 */
async function afterFailure(error: AppError, parties: readonly Party[], { signal }: Call): Promise<readonly Ended[]> {
  if (!parties.some(isDown) || parties.every(isDown)) throw error;
  const ends = await Promise.all(
    parties.map(async (party): Promise<Ended> => {
      if (isDown(party)) return leftOut(party, errorText(error));
      return watchReload(party.seen, party.watched, { signal, timeoutMs: AFTER_FAILURE_MS });
    }),
  );
  if (ends.some(({ result }) => result !== "loaded")) throw error;
  return ends;
}

/** Neither it nor its master answered before. */
export function isDown({ seen }: Party): boolean {
  return seen.worker === undefined && seen.processes === undefined;
}

/** One that is down is not to be the reason for which the others are reloaded again and again. */
export function leftOut({ instance }: Party, why?: string): Ended {
  instance.isBlind = true;
  const says = `HAProxy at ${instance.name} cannot be asked: it has the file once it is started`;
  return believed(why === undefined ? says : `${why}; ${says}`);
}

/** Nobody has looked, or could; `doubt`: what is to be told of it. */
export function believed(doubt?: string): Ended {
  return { result: "loaded", workerPid: 0, tookMs: 0, ...(doubt === undefined ? {} : { doubt }) };
}
