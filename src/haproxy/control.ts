import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorReason } from "../core/errors.ts";
import type { ApplyPlan, Comparison, Haproxy, HaproxySettings } from "../core/haproxy.ts";
import { createDiffer } from "./differ.ts";
import type { Difference } from "./difference.ts";
import { createInstance, type Instance, type RuntimeDifference } from "./instance.ts";
import { reloadAll } from "./reload-all.ts";
import { createFileReader, type FileReader, type ServersInFile } from "./servers-in-file.ts";

/** The HAProxies of one resource. Throws E_CONFIG for a socket that is none. */
export function createHaproxy(settings: HaproxySettings, clock: Clock): Haproxy {
  const instances = settings.sockets.map((socket, at) =>
    createInstance({ socket, masterSocket: settings.masterSockets[at] }, settings, clock),
  );
  const read = createFileReader();
  const diff = createDiffer();
  return {
    plan: (change, call) => planFor(instances, { ...settings, read, diff }, change, call),
    async compare({ text, before }, call) {
      const file = read({ now: [text], before: before === undefined ? [] : [before] });
      return together(instances, await Promise.all(instances.map((instance) => agree(instance, file, call))));
    },
    async startedAtMs(call) {
      return Math.min(...(await Promise.all(instances.map((instance) => instance.startedAtMs(call)))));
    },
    localPeers: (call) => Promise.all(instances.map((instance) => instance.localPeer(call))),
    async learns(call) {
      const learners = await Promise.all(instances.map((instance) => instance.learns(call)));
      return learners.find((learner) => learner !== undefined);
    },
    async holdsUp(call) {
      const most = settings.maxOldWorkers;
      if (most === undefined) return undefined;
      const holders = await Promise.all(instances.map((instance) => instance.oldWorkersBeyond(most, call)));
      return holders.find((holder) => holder !== undefined);
    },
    reload: (order, call) => reloadAll(instances, order, { settings, clock, call, read }),
  };
}

/** How long one that was dead or hung at its last reload may take to be asked again, ms: the others wait for it. */
const STILL_BLIND_MS = 500;

/** What remembers the files it has read. */
interface PlanTools {
  readonly read: FileReader;
  readonly diff: ReturnType<typeof createDiffer>;
}

/**
 * An HAProxy that does not answer needs a reload, which starts it where the command is one that does; the others get
 * what they can take at once.
 */
async function planFor(
  instances: readonly Instance[],
  { apply, verify, read, diff }: HaproxySettings & PlanTools,
  { before, after }: { readonly before: string; readonly after: string },
  call: Call,
): Promise<ApplyPlan> {
  if (apply === "reload") return { how: "reload", because: ['apply = "reload"'] };
  const found = await Promise.all(
    instances.map(async (instance): Promise<Difference | AppError> => {
      const within = instance.isBlind ? { ...call, timeoutMs: STILL_BLIND_MS } : call;
      try {
        return diff(before, after, await instance.facts(within));
      } catch (error) {
        call.signal.throwIfAborted();
        if (!(error instanceof AppError)) throw error;
        return error;
      }
    }),
  );
  const because = found.flatMap((one) => (!(one instanceof AppError) && one.how === "reload" ? one.because : []));
  if (because.length > 0) return { how: "reload", because: [...new Set(because)] };
  const silent = found.filter((one) => one instanceof AppError);
  if (silent.length === found.length) return { how: "reload", because: silent.map(errorReason) };
  return runtimePlan(instances, found, { after, verify, read });
}

function isRuntime(one: Difference | AppError): one is RuntimeDifference {
  return !(one instanceof AppError) && one.how === "runtime";
}

/** Where only comments differ there is nothing to carry out, and the file goes first. */
function runtimePlan(
  instances: readonly Instance[],
  found: readonly (Difference | AppError)[],
  { after, verify, read }: { readonly after: string; readonly verify: boolean; readonly read: FileReader },
): ApplyPlan {
  const differences = found.filter(isRuntime);
  const [first] = differences;
  const backends = new Set(differences.flatMap(({ steps }) => steps.map(({ about }) => about.backend)));
  let servers: ServersInFile | undefined;
  // Not before it is needed: traffic waits for what is done first.
  const file = () => {
    servers ??= read({ now: [after], before: [] }, backends);
    return servers;
  };
  return {
    how: "runtime",
    steps: first?.steps.map(({ command }) => command) ?? [],
    addressesOnly: first?.addressesOnly ?? false,
    async carryOut(call) {
      await allOf(instances, async (instance, at) => {
        const difference = found[at];
        if (difference instanceof AppError) throw difference;
        if (difference === undefined || !isRuntime(difference)) return;
        try {
          await instance.carryOut(difference, file, call);
        } catch (error) {
          instance.forget();
          throw error;
        }
      });
    },
    async verify(call) {
      if (!verify || backends.size === 0) return [];
      const seen = await Promise.all(instances.map((instance) => agree(instance, file(), call, [...backends])));
      const { left, unasked } = together(instances, seen);
      return [...left, ...unasked.map(errorReason)];
    },
  };
}

/** Each is done, whatever becomes of the others; then the first failure is thrown. */
async function allOf(
  instances: readonly Instance[],
  work: (one: Instance, at: number) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled(instances.map(work));
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** One that cannot be asked is a finding, and keeps nothing from the others. */
async function agree(
  instance: Instance,
  ...[file, call, backends]: Parameters<Instance["agree"]>
): Promise<Comparison> {
  try {
    return await instance.agree(file, call, backends);
  } catch (error) {
    call.signal.throwIfAborted();
    if (!(error instanceof AppError)) throw error;
    return { mended: [], left: [], unasked: [error] };
  }
}

/** Says which HAProxy, where there are several. */
function together(instances: readonly Instance[], comparisons: readonly Comparison[]): Comparison {
  const named = (lines: readonly string[], at: number) =>
    instances.length === 1 ? lines : lines.map((line) => `${instances[at]?.name}: ${line}`);
  return {
    mended: comparisons.flatMap(({ mended }, at) => named(mended, at)),
    left: comparisons.flatMap(({ left }, at) => named(left, at)),
    unasked: comparisons.flatMap(({ unasked }) => unasked),
  };
}
