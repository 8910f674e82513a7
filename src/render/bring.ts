import { copyFileSync } from "node:fs";
import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import type { ApplyPlan, RuntimePlan } from "../core/haproxy.ts";
import type { TemplateResource } from "../core/resource.ts";
import { checkStage } from "./check.ts";
import type { DestView } from "./dest-file.ts";
import { createForce, type ForceDeps, runtimeCall } from "./in-force.ts";
import type { InForce } from "./outcome.ts";

/** What the way to dest and into HAProxy needs. */
export interface BringDeps extends ForceDeps {
  readonly options: { readonly syncOnly: boolean; readonly keepStageFile: boolean };
}

/** What was done. Times in ms. */
export interface Brought {
  readonly checkMs: number;
  readonly writeMs: number;
  readonly inForce: InForce | undefined;
}

/** Brings new texts to one dest, and into the HAProxies that read it. */
export interface Bringer {
  /** What a change would take; undefined where no HAProxy is known. Touches nothing. */
  plan(text: string, view: DestView, call: Call): Promise<ApplyPlan | undefined>;
  /** Throws E_CHECK_CMD when `check_cmd` refuses the text: then dest, and HAProxy, are as they were. */
  bring(text: string, view: DestView, call: Call): Promise<Brought>;
}

/** One text on its way. */
interface Passage {
  readonly text: string;
  readonly view: DestView;
  readonly call: Call;
}

/**
 * Addresses alone go to the running HAProxy first: they were validated, cannot make the file invalid, and traffic does
 * not wait for `check_cmd` then. For all else the file goes first. Whatever is not provably in force is left to the
 * reload, which is noted before anything is touched.
 */
export function createBringer(resource: TemplateResource, deps: BringDeps): Bringer {
  const { records, clock, options, haproxy } = deps;
  const { dest } = resource;
  const force = createForce(resource, deps);

  async function plan(text: string, view: DestView, call: Call): Promise<ApplyPlan | undefined> {
    if (haproxy === undefined || options.syncOnly) return undefined;
    if (view.text === undefined) return { how: "reload", because: [`there was no ${dest} before`] };
    const found = await haproxy.plan({ before: view.text, after: text }, runtimeCall(call));
    if (found.how === "reload" || found.addressesOnly || (await force.isRunning(view, call))) return found;
    return { how: "reload", because: [notKnown(false)] };
  }

  function notKnown(owed: boolean): string {
    return owed ? "an earlier change of the file still needs one" : `${dest} was not what HAProxy runs`;
  }

  async function haproxyFirst(found: RuntimePlan, passage: Passage): Promise<Brought> {
    const { text, view, call } = passage;
    const startedMs = clock.monotonicMs();
    const owed = !records.get(dest).applied;
    const known = !owed && (await force.isRunning(view, call));
    records.update(dest, { applied: false, addressesOnly: known });
    const trouble = await force.carryOut(found, call);
    const applyMs = clock.monotonicMs() - startedMs;
    let checkMs: number;
    try {
      checkMs = await checkAndSwap(passage, () => {});
    } catch (error) {
      throw await takenBack(error, passage, known);
    }
    const writeMs = clock.monotonicMs() - startedMs - applyMs - checkMs;
    const because = trouble ?? (known ? await force.verify(found, call) : notKnown(owed));
    return { checkMs, writeMs, inForce: force.settle(text, { steps: found.steps, applyMs, because }) };
  }

  async function takenBack(error: unknown, { view, call }: Passage, known: boolean): Promise<unknown> {
    const left = view.text === undefined ? ["there is no file"] : await force.differences(view.text, call);
    if (left === undefined && known) records.update(dest, { applied: true, addressesOnly: false });
    if (!(error instanceof AppError)) return error;
    const outcome = left === undefined ? "were taken back" : `will be by a reload, since ${left.join("; ")}`;
    return new AppError(error.code, `${error.message}; HAProxy already ran the new addresses, which ${outcome}`, {
      cause: error.cause,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }

  async function fileFirst(found: ApplyPlan | undefined, passage: Passage): Promise<Brought> {
    const { text, call } = passage;
    const startedMs = clock.monotonicMs();
    const owed = !records.get(dest).applied;
    const checkMs = await checkAndSwap(passage, () => {
      if (resource.reloadCmd === undefined && haproxy === undefined) return;
      records.update(dest, { applied: false, addressesOnly: false });
    });
    const writtenMs = clock.monotonicMs();
    const writeMs = writtenMs - startedMs - checkMs;
    if (found?.how !== "runtime") return { checkMs, writeMs, inForce: found };
    const trouble = await force.carryOut(found, call);
    const because = trouble ?? (owed ? notKnown(owed) : await force.verify(found, call));
    const applyMs = clock.monotonicMs() - writtenMs;
    return { checkMs, writeMs, inForce: force.settle(text, { steps: found.steps, applyMs, because }) };
  }

  /** Resolves to how long the check took, ms. `owe` notes what is due once dest is another. */
  async function checkAndSwap({ text, view, call }: Passage, owe: () => void): Promise<number> {
    const stage = view.stage(text);
    try {
      const checkMs = options.syncOnly ? 0 : await checkStage(resource, stage, call);
      owe();
      if (options.keepStageFile) copyFileSync(stage, `${dest}.staged`);
      view.swap(stage, text);
      return checkMs;
    } catch (error) {
      view.discard(stage);
      throw error;
    }
  }

  return {
    plan,
    async bring(text, view, call) {
      const found = await plan(text, view, call);
      const passage = { text, view, call };
      if (found?.how === "runtime" && found.addressesOnly) return haproxyFirst(found, passage);
      return fileFirst(found, passage);
    },
  };
}
