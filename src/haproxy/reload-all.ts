import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorReason, errorText } from "../core/errors.ts";
import type { HaproxySettings, ReloadOrder, ReloadOutcome } from "../core/haproxy.ts";
import type { ServerRef } from "./difference.ts";
import type { Instance } from "./instance.ts";
import { type OperatorSetting, readOperatorState, restoreOperatorState } from "./operator-state.ts";
import { NoMasterError } from "./processes.ts";
import { believed, isDown, leftOut, type Party, reloadByCommand } from "./reload-command.ts";
import { type ReloadOutcome as OneOutcome, reloadByMaster } from "./reload-master.ts";
import { type BeforeReload, readBeforeReload, watchReload } from "./reload-outcome.ts";
import { RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { driftsOf, type FileReader, type ServersInFile } from "./servers-in-file.ts";
import { type Listener, type RunningServer, readListeners, readServers } from "./servers-state.ts";
import { cutSessions } from "./sessions.ts";
import { reloadByTakeover } from "./takeover.ts";
import type { Ended } from "./watch-command.ts";

/** What a reload of several HAProxies works with. */
export interface ReloadWorld {
  readonly settings: HaproxySettings;
  readonly clock: Clock;
  readonly call: Call;
  readonly read: FileReader;
}

/** How long it may take to read what is before a reload, or to set right what is after it, ms. */
const ASIDE_MS = 5_000;

/** One HAProxy as it was before the reload. */
interface Before {
  /** Undefined where there is none, or where what is named as one is none. */
  readonly master: RuntimeSocket | undefined;
  readonly seen: BeforeReload;
  readonly byHand: readonly OperatorSetting[];
  /** Servers whose sessions go to a place that the new file does not give them. */
  readonly replaced: readonly ServerRef[];
  readonly openListeners: readonly string[];
}

/**
 * Reloads all HAProxies that read the file, each verified, and sets again what people had set by hand. Refused by all:
 * refused. Refused by some: unclear, since the file is in force somewhere.
 */
export async function reloadAll(
  instances: readonly Instance[],
  order: ReloadOrder,
  world: ReloadWorld,
): Promise<ReloadOutcome> {
  const file = world.read({ now: order.texts, before: order.before });
  const warnings: string[] = [];
  const befores = await Promise.all(instances.map((instance) => readBefore(instance, { file, world, warnings })));
  const outcomes = await reload(instances, { befores, order, file }, world);
  for (const instance of instances) instance.forget();
  const notes = await Promise.all(
    instances.map((instance, at) =>
      isReloaded(outcomes[at]) ? setRight(instance, { before: befores[at], file, warnings }, world) : [],
    ),
  );
  const failed = outcomes.flatMap((outcome, at) => (outcome.result === "loaded" ? [] : { ...outcome, at }));
  if (failed.length > 0) return failureOf(failed, instances);
  warnings.push(...outcomes.flatMap(({ doubt }) => doubt ?? []));
  return { result: "loaded", notes: notes.flat(), warnings };
}

function isReloaded(outcome: Ended | undefined): boolean {
  return outcome?.result === "loaded" || (outcome?.result === "unclear" && outcome.differs !== undefined);
}

function failureOf(
  failed: readonly (Exclude<OneOutcome, { result: "loaded" }> & { readonly at: number })[],
  instances: readonly Instance[],
): ReloadOutcome {
  const named = (words: string, at: number) => (instances.length === 1 ? words : `${instances[at]?.name}: ${words}`);
  const says = failed.map((one) => named(one.says, one.at)).join("; ");
  const isRefused = failed.length === instances.length && failed.every(({ result }) => result === "refused");
  if (isRefused) return { result: "refused", says };
  const differing = failed.flatMap((one) =>
    one.result === "unclear" && one.differs !== undefined ? named(one.differs, one.at) : [],
  );
  return { result: "unclear", says, ...(differing.length === failed.length ? { differs: differing.join("; ") } : {}) };
}

const UNSEEN: BeforeReload = { worker: undefined, processes: undefined };

interface Reading {
  readonly file: ServersInFile;
  readonly world: ReloadWorld;
  readonly warnings: string[];
}

/** An HAProxy that does not answer has nothing that could be lost. */
async function readBefore(instance: Instance, { file, world, warnings }: Reading): Promise<Before> {
  const { settings } = world;
  const { socket } = instance;
  const call = aside(world.call);
  const { seen, master } = await whoAnswers(instance, { world, warnings });
  if (seen.worker === undefined) return { seen, master, byHand: [], replaced: [], openListeners: [] };
  const running = await readServers(socket, call);
  const replaced = replacedOf(file, running);
  if (settings.onReplace === "shutdown-sessions" && replaced.length > 0) {
    await fenceAhead(instance, { file, running, replaced }, world).catch((error: unknown) => {
      warnings.push(`sessions to replaced servers could not be ended before the reload: ${errorText(error)}`);
    });
  }
  const openListeners = (await readListeners(socket, call)).filter(isOpen).map(({ frontend }) => frontend);
  return { seen, master, byHand: readOperatorState(running, file.before ?? []), replaced, openListeners };
}

async function whoAnswers(
  { socket, master }: Instance,
  { world, warnings }: Omit<Reading, "file">,
): Promise<Pick<Before, "seen" | "master">> {
  const call = aside(world.call);
  const asked = { socket, clock: world.clock };
  if (master !== undefined) {
    try {
      return { seen: await readBeforeReload({ ...asked, master }, call), master };
    } catch (error) {
      if (!(error instanceof NoMasterError)) throw error;
      warnings.push(errorReason(error));
    }
  }
  return { seen: await readBeforeReload(asked, call), master: undefined };
}

function isOpen(listener: Listener): boolean {
  return listener.isOpen;
}

function replacedOf(file: ServersInFile, running: readonly RunningServer[]): readonly ServerRef[] {
  return driftsOf(file, running)
    .filter(({ what }) => what === "address" || what === "extra")
    .map(({ about }) => about);
}

/** The running worker gets the new addresses and ends the sessions to the old ones: as an old worker it could not. */
async function fenceAhead(
  instance: Instance,
  what: {
    readonly file: ServersInFile;
    readonly running: readonly RunningServer[];
    readonly replaced: readonly ServerRef[];
  },
  { clock, call }: ReloadWorld,
): Promise<void> {
  const steps = driftsOf(what.file, what.running).flatMap(({ what: sort, mend }) =>
    sort === "address" && mend !== undefined ? [mend] : [],
  );
  await instance.give(steps, aside(call));
  await cutSessions(instance.socket, what.replaced, { ...aside(call), clock });
}

async function reload(
  instances: readonly Instance[],
  what: { readonly befores: readonly Before[]; readonly order: ReloadOrder; readonly file: ServersInFile },
  world: ReloadWorld,
): Promise<readonly Ended[]> {
  const { befores, order, file } = what;
  const { settings, clock, call } = world;
  const { command } = order;
  const parties = instances.map((instance, at): Party => {
    const { socket, master: named } = instance;
    const before = befores[at];
    // Who has nothing else to reload it by is to hear that its master is none.
    const master = command === undefined ? named : before?.master;
    const agrees = (within: Call) => disagreement(socket, { file, before }, within);
    const watched = { socket, clock, disagreement: agrees, ...(master === undefined ? {} : { master }) };
    return { instance, watched, seen: before?.seen ?? UNSEEN };
  });
  if (command === undefined) {
    const isAnyUp = !parties.every(isDown);
    return Promise.all(parties.map((one) => (isAnyUp && isDown(one) ? leftOut(one) : reloadItself(one, world))));
  }
  if (settings.verify) return reloadByCommand(parties, () => command(call), world);
  await command(call);
  return parties.map(() => believed());
}

/** The master tells when the new worker is there; after that it has to have what the file says, and be the only one that answers. */
async function reloadItself({ watched, seen }: Party, { clock, call }: ReloadWorld): Promise<Ended> {
  const { master } = watched;
  if (master === undefined) return reloadByTakeover(watched, call);
  const outcome = await reloadByMaster(master, { ...call, clock });
  return outcome.result === "loaded" ? watchReload(seen, watched, call) : outcome;
}

/** What a new worker has not as the file says; what can be mended while it runs is mended afterwards. */
async function disagreement(
  socket: Instance["socket"],
  { file, before }: { readonly file: ServersInFile; readonly before: Before | undefined },
  call: Call,
): Promise<string | undefined> {
  const drift = driftsOf(file, await readServers(socket, call)).find(
    ({ what }) => what === "missing" || what === "extra",
  );
  if (drift !== undefined) return drift.says;
  const wasOpen = new Set(before?.openListeners);
  const shut = (await readListeners(socket, call)).find(
    (listener) => !listener.isOpen && wasOpen.has(listener.frontend),
  );
  return shut === undefined ? undefined : `its frontend ${shut.frontend} is not open`;
}

/** After a good reload: what was set by hand, addresses that HAProxy kept from before, sessions in old workers. */
async function setRight(
  instance: Instance,
  {
    before,
    file,
    warnings,
  }: { readonly before: Before | undefined; readonly file: ServersInFile; readonly warnings: string[] },
  { settings, call }: ReloadWorld,
): Promise<readonly string[]> {
  if (before?.seen.worker === undefined || !settings.verify) return [];
  const notes: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      warnings.push(`${what}: ${errorText(error)}`);
    }
  };
  await attempt("what was set by hand was lost by the reload", async () => {
    notes.push(...(await restoreOperatorState(instance.socket, before.byHand, aside(call))));
  });
  await attempt("what HAProxy runs could not be compared with the file", async () => {
    const { mended, left } = await instance.agree({ ...file, before: undefined }, aside(call));
    notes.push(...mended.map((says) => `mended: ${says}`));
    if (left.length > 0) throw new RuntimeError("refused", left.join("; "));
  });
  await attempt("old workers still have sessions to replaced servers", () =>
    instance.fenceOldWorkers(before.replaced, aside(call)),
  );
  return notes;
}

function aside({ signal }: Call): Call {
  return { signal, timeoutMs: ASIDE_MS };
}
