import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Comparison, HaproxySettings } from "../core/haproxy.ts";
import { bringUp } from "./bring-up.ts";
import type { Drift } from "./compare.ts";
import type { Difference, HaproxyFacts, RuntimeStep, ServerRef } from "./difference.ts";
import { stillLearning } from "./learning.ts";
import { readLocalPeer } from "./local-peer.ts";
import { describeOldWorker, readOldWorkers } from "./old-workers.ts";
import { askProcesses, NoMasterError } from "./processes.ts";
import { runSteps } from "./run-steps.ts";
import { openRuntimeSocket, type RuntimeSocket, throughMaster } from "./runtime-socket.ts";
import { driftsOf, type ServersInFile } from "./servers-in-file.ts";
import { type RunningServer, readInfo, readServers } from "./servers-state.ts";
import { cutSessions, cutSessionsInOldWorker } from "./sessions.ts";
import { untilSettled } from "./settle.ts";
import type { Processes } from "./show-proc.ts";

/** What a runtime difference asks for. */
export type RuntimeDifference = Extract<Difference, { readonly how: "runtime" }>;

/** One running HAProxy, behind its runtime socket and perhaps its master's. */
export interface Instance {
  /** Its runtime socket, as the user wrote it. */
  readonly name: string;
  readonly socket: RuntimeSocket;
  readonly master: RuntimeSocket | undefined;
  /** Whether it could be asked neither before nor after its last reload: it does not run, hangs, or is somewhere else. */
  isBlind: boolean;
  /** What it can do: asked once, and again after {@link Instance.forget}. */
  facts(call: Call): Promise<HaproxyFacts>;
  /** What it is called among its peers. Always asked anew: it may have been started again under another name. */
  localPeer(call: Call): Promise<string>;
  /** Undefined when no stick table is still being learned since its start. */
  learns(call: Call): Promise<string | undefined>;
  /** To be called when another process may answer. */
  forget(): void;
  /** `file`: the servers of the changed backends, as they are to be. */
  carryOut(difference: RuntimeDifference, file: () => ServersInFile, call: Call): Promise<void>;
  /** Gives these steps, each answer judged. */
  give(steps: readonly RuntimeStep[], call: Call): Promise<void>;
  /** Compares the servers that run with those of the file, and mends what it can. `backends`: only these, just changed. */
  agree(file: ServersInFile, call: Call, backends?: readonly string[]): Promise<Comparison>;
  /** Ends the sessions of these servers in this HAProxy's old workers; where it has no master, nobody reaches those. */
  fenceOldWorkers(servers: readonly ServerRef[], call: Call): Promise<void>;
  startedAtMs(call: Call): Promise<number>;
  /** Undefined while fewer than `most` old workers live. */
  oldWorkersBeyond(most: number, call: Call): Promise<string | undefined>;
}

/** As many backends are asked for one by one. */
const FEW = 8;
/** How long a server that is taken away may need for its sessions to end, ms; then it takes a reload. */
const GOODBYE_MS = { keep: 250, cut: 2_000 };

/** Opens nothing yet. Throws E_CONFIG for an address that is none. */
export function createInstance(
  at: { readonly socket: string; readonly masterSocket: string | undefined },
  settings: HaproxySettings,
  clock: Clock,
): Instance {
  const socket = openRuntimeSocket(at.socket);
  const master = at.masterSocket === undefined ? undefined : openRuntimeSocket(at.masterSocket);
  const cuts = settings.onReplace === "shutdown-sessions";
  let facts: HaproxyFacts | undefined;

  async function fenceOldWorkers(servers: readonly ServerRef[], call: Call): Promise<void> {
    if (master === undefined || servers.length === 0) return;
    const { processes } = await askMaster(master, call);
    await Promise.all(
      (processes?.oldWorkers ?? []).map(({ pid }) =>
        cutSessionsInOldWorker(throughMaster(master, `@!${pid}`), servers, { ...call, clock }),
      ),
    );
  }

  async function look(file: ServersInFile, call: Call, backends?: readonly string[]): Promise<readonly Drift[]> {
    return driftsOf(file, await readSome(socket, call, backends));
  }

  /** Told where what runs is compared, and nowhere fatal. */
  async function complaints(call: Call): Promise<readonly NoMasterError[]> {
    const { isNone } = master === undefined ? {} : await askMaster(master, call);
    return isNone === undefined ? [] : [isNone];
  }

  async function mend(file: ServersInFile, call: Call, backends?: readonly string[]) {
    const again = () => look(file, call, backends);
    const drifts = backends === undefined ? await again() : await untilSettled(again, { ...call, clock });
    const steps = drifts.flatMap(({ mend }) => mend ?? []);
    if (steps.length === 0) return { mended: [], left: drifts.map(({ says }) => says) };
    await runSteps(socket, steps, { ...call, clock });
    const left = (await untilSettled(again, { ...call, clock })).map(({ says }) => says);
    return { mended: drifts.map(({ says }) => says).filter((says) => !left.includes(says)), left };
  }

  return {
    name: at.socket,
    socket,
    master,
    isBlind: false,
    async facts(call) {
      facts ??= (await readInfo(socket, call)).version;
      return facts;
    },
    localPeer: (call) => readLocalPeer(socket, call),
    async learns(call) {
      const sections = stillLearning(await socket.ask("show peers", call));
      return sections.length === 0 ? undefined : `${at.socket} still learns the stick table of ${sections.join(", ")}`;
    },
    forget() {
      facts = undefined;
    },
    async carryOut({ steps, replaced }, file, call) {
      const within = { ...call, clock };
      const [now, later] = atFirstWait(steps);
      await runSteps(socket, now, within);
      if (cuts && replaced.length > 0) {
        await untilSettled(() => look(file(), call, backendsOf(replaced)), within);
        await Promise.all([cutSessions(socket, replaced, within), fenceOldWorkers(replaced, call)]);
      }
      await bringUp(socket, replaced, call);
      await runSteps(socket, later, { ...within, timeoutMs: cuts ? GOODBYE_MS.cut : GOODBYE_MS.keep });
    },
    give: (steps, call) => runSteps(socket, steps, { ...call, clock }),
    async agree(file, call, backends) {
      const found = await mend(file, call, backends);
      return { ...found, unasked: backends === undefined ? await complaints(call) : [] };
    },
    fenceOldWorkers: async (servers, call) => {
      if (cuts) await fenceOldWorkers(servers, call);
    },
    async startedAtMs(call) {
      const { uptimeMs } = await readInfo(socket, call);
      // HAProxy tells whole seconds: it may have started up to one earlier than this says, never later.
      return clock.wallMs() - uptimeMs - 1_000;
    },
    async oldWorkersBeyond(most, call) {
      if (master === undefined) return undefined;
      const old = await readOldWorkers(master, call);
      return old.length < most ? undefined : old.map(describeOldWorker).join("; ");
    },
  };
}

/** With what is named as a master and is none things go on as without one. */
async function askMaster(
  master: RuntimeSocket,
  call: Call,
): Promise<{ readonly processes?: Processes; readonly isNone?: NoMasterError }> {
  try {
    const { processes } = await askProcesses(master, call);
    return processes === undefined ? {} : { processes };
  } catch (error) {
    if (!(error instanceof NoMasterError)) throw error;
    return { isNone: error };
  }
}

/** Of a few backends one by one, else all at once. */
async function readSome(
  socket: RuntimeSocket,
  call: Call,
  backends: readonly string[] | undefined,
): Promise<readonly RunningServer[]> {
  if (backends === undefined || backends.length > FEW) return readServers(socket, call);
  const read: RunningServer[] = [];
  for (const backend of backends) read.push(...(await readServers(socket, call, backend)));
  return read;
}

function backendsOf(servers: readonly ServerRef[]): readonly string[] {
  return [...new Set(servers.map(({ backend }) => backend))];
}

/** What can be done at once, and what begins with a wait for sessions to end. */
function atFirstWait(steps: readonly RuntimeStep[]): readonly [readonly RuntimeStep[], readonly RuntimeStep[]] {
  const at = steps.findIndex(({ waitsForSessions }) => waitsForSessions === true);
  return at === -1 ? [steps, []] : [steps.slice(0, at), steps.slice(at)];
}
