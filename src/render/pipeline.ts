import { copyFileSync } from "node:fs";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { TemplateResource } from "../core/resource.ts";
import type { Pair, Snapshot } from "../core/store.ts";
import type { Missing, Template } from "../core/template-engine.ts";
import { checkStage } from "./check.ts";
import { createDestFile, type DestView } from "./dest-file.ts";
import { holdBack } from "./hold-back.ts";
import type { Outcome } from "./outcome.ts";
import { checkFormat } from "./output-format.ts";
import type { Records } from "./records.ts";
import { forgetRefused } from "./refused.ts";
import { createView } from "./view.ts";

/** What the user asked of every resource alike. */
export interface RenderOptions {
  readonly missing: Missing;
  /** Say what would be done, write nothing. */
  readonly noop: boolean;
  /** Write the files, run no command. */
  readonly syncOnly: boolean;
  readonly keepStageFile: boolean;
  /** Believe shrunk or empty data. */
  readonly allowShrink: boolean;
}

/** What a pipeline works with. */
export interface PipelineDeps {
  /** Gives the compiled template; throws E_TEMPLATE while it does not compile. */
  readonly template: () => Template;
  readonly records: Records;
  readonly clock: Clock;
  readonly options: RenderOptions;
  /** Called with the warnings of each render. */
  readonly onWarnings: (warnings: readonly string[]) => void;
}

/** From snapshots to the file at dest, for one resource; everything up to the apply. */
export interface Pipeline {
  readonly resource: TemplateResource;
  /** Never throws: what goes wrong is an outcome. `call.signal` ends a running command. */
  run(snapshots: ReadonlyMap<string, Snapshot>, call: PassCall): Promise<Outcome>;
}

/** `again`: a text that `check_cmd` has refused before is tried once more; else it is not checked twice. */
export type PassCall = Call & { readonly again: boolean };

/** Builds the pipeline of one resource. */
export function createPipeline(resource: TemplateResource, deps: PipelineDeps): Pipeline {
  const { options, records, clock } = deps;
  const data = createView(resource);
  const dest = createDestFile(resource);
  let refused: { readonly text: string; readonly error: AppError } | undefined;
  let mayHaveRefusal = true;

  async function run(snapshots: ReadonlyMap<string, Snapshot>, call: PassCall): Promise<Outcome> {
    const pairs = data.pairs(snapshots);
    if (pairs === undefined) return { result: "waiting", reason: "not all of its keys have been read yet" };
    const keys = pairs.map((pair) => pair.key);
    const held = options.allowShrink ? undefined : holdBack(resource, keys, deps);
    if (held !== undefined) return { result: "held", ...held };

    const startedMs = clock.monotonicMs();
    const text = renderText(pairs);
    if (resource.outputFormat !== undefined) await checkFormat(text, resource.outputFormat, resource.dest);
    const renderMs = clock.monotonicMs() - startedMs;

    const view = dest.look();
    const outcome = view.isCurrent(text) ? CURRENT : await bringToDest(text, { view, renderMs, call });
    if (outcome.result === "current" || outcome.result === "changed") settle(keys);
    return outcome;
  }

  function renderText(pairs: readonly Pair[]): string {
    const { text, warnings } = deps.template().render({ pairs, missing: options.missing });
    deps.onWarnings(warnings);
    return text;
  }

  async function bringToDest(
    text: string,
    pass: { readonly view: DestView; readonly renderMs: number; readonly call: PassCall },
  ): Promise<Outcome> {
    const { view, renderMs, call } = pass;
    if (options.noop) return { result: "would-change", before: view.text ?? "", after: text };
    if (refused?.text === text && !call.again) return { result: "failed", error: refused.error };
    return { result: "changed", renderMs, ...(await replace(text, view, call)) };
  }

  async function replace(text: string, at: DestView, call: Call): Promise<{ checkMs: number; writeMs: number }> {
    const startedMs = clock.monotonicMs();
    const stage = at.stage(text);
    let checkMs = 0;
    try {
      if (!options.syncOnly) checkMs = await checkStage(resource, stage, call);
      if (resource.reloadCmd !== undefined) records.update(resource.dest, { applied: false });
      if (options.keepStageFile) copyFileSync(stage, `${resource.dest}.staged`);
      at.swap(stage, text);
    } catch (error) {
      at.discard(stage);
      if (error instanceof AppError && error.code === "E_CHECK_CMD") refused = { text, error };
      throw error;
    }
    return { checkMs, writeMs: clock.monotonicMs() - startedMs - checkMs };
  }

  function settle(keys: readonly string[]): void {
    if (options.noop) return;
    records.setKeys(resource.dest, keys);
    records.update(resource.dest, { heldSinceMs: 0 });
    if (refused !== undefined || mayHaveRefusal) forgetRefused(resource.dest);
    refused = undefined;
    mayHaveRefusal = false;
  }

  return {
    resource,
    async run(snapshots, call) {
      try {
        return await run(snapshots, call);
      } catch (error) {
        return outcomeOf(error, options.missing);
      }
    },
  };
}

const CURRENT: Outcome = { result: "current" };

function outcomeOf(error: unknown, missing: Missing): Outcome {
  if (!(error instanceof AppError)) {
    return { result: "failed", error: new AppError("E_INTERNAL", "a fault of confd-haproxy itself", { cause: error }) };
  }
  if (error.code === "E_MISSING_KEY" && missing === "wait") return { result: "waiting", reason: error.message };
  return { result: "failed", error };
}
