import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { ApplyPlan, Comparison, Haproxy, HaproxySettings } from "../core/haproxy.ts";
import { diffConfigs } from "./differ.ts";
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
  return {
    plan: (change, call) => planFor(instances, { ...settings, read }, change, call),
    async compare({ text, before }, call) {
      const file = read({ now: [text], before: before === undefined ? [] : [before] });
      return together(instances, await Promise.all(instances.map((instance) => instance.agree(file, call))));
    },
    async startedAtMs(call) {
      return Math.min(...(await Promise.all(instances.map((instance) => instance.startedAtMs(call)))));
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

/** An HAProxy that does not answer needs a reload, which starts it where the command is one that does. */
async function planFor(
  instances: readonly Instance[],
  { apply, verify, read }: HaproxySettings & { readonly read: FileReader },
  { before, after }: { readonly before: string; readonly after: string },
  call: Call,
): Promise<ApplyPlan> {
  if (apply === "reload") return { how: "reload", because: ['apply = "reload"'] };
  const differences: Difference[] = [];
  for (const instance of instances) {
    try {
      differences.push(diffConfigs(before, after, await instance.facts(call)));
    } catch (error) {
      call.signal.throwIfAborted();
      return { how: "reload", because: [errorText(error)] };
    }
  }
  const because = differences.flatMap((difference) => (difference.how === "reload" ? difference.because : []));
  if (because.length > 0) return { how: "reload", because: [...new Set(because)] };
  return runtimePlan(instances, differences.filter(isRuntime), { after, verify, read });
}

function isRuntime(difference: Difference): difference is RuntimeDifference {
  return difference.how === "runtime";
}

/** Where only comments differ there is nothing to carry out, and the file goes first. */
function runtimePlan(
  instances: readonly Instance[],
  differences: readonly RuntimeDifference[],
  { after, verify, read }: { readonly after: string; readonly verify: boolean; readonly read: FileReader },
): ApplyPlan {
  const [first] = differences;
  const backends = new Set(differences.flatMap(({ steps }) => steps.map(({ about }) => about.backend)));
  let known: ServersInFile | undefined;
  // Not before it is needed: traffic waits for what is done first.
  const file = () => {
    known ??= read({ now: [after], before: [] }, backends);
    return known;
  };
  return {
    how: "runtime",
    steps: first?.steps.map(({ command }) => command) ?? [],
    addressesOnly: first?.addressesOnly ?? false,
    async carryOut(call) {
      await allOf(instances, async (instance, at) => {
        const difference = differences[at];
        if (difference === undefined) return;
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
      const seen = await Promise.all(instances.map((instance) => instance.agree(file(), call, [...backends])));
      return together(instances, seen).left;
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

/** Says which HAProxy, where there are several. */
function together(instances: readonly Instance[], comparisons: readonly Comparison[]): Comparison {
  const named = (lines: readonly string[], at: number) =>
    instances.length === 1 ? lines : lines.map((line) => `${instances[at]?.name}: ${line}`);
  return {
    mended: comparisons.flatMap(({ mended }, at) => named(mended, at)),
    left: comparisons.flatMap(({ left }, at) => named(left, at)),
  };
}
