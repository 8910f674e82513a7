import type { Snapshot, Store } from "../core/store.ts";
import { isGood, type Outcome } from "./outcome.ts";
import type { Pipeline } from "./pipeline.ts";
import { prefixesOf } from "./prefixes.ts";
import { putBack } from "./put-back.ts";
import type { Reloader } from "./reloader.ts";
import type { Report } from "./report.ts";

/** What `--onetime` works with. */
export interface OnceDeps {
  readonly pipelines: readonly Pipeline[];
  readonly reloader: Reloader;
  readonly report: Report;
  readonly store: Store;
  /** Run no reload: `--noop` and `--sync-only`. */
  readonly filesOnly: boolean;
  readonly hardStop: AbortSignal;
  /** Shown each outcome, for the diff of `--noop`. */
  readonly onOutcome: (pipeline: Pipeline, outcome: Outcome) => void;
}

/** How long the store may take to answer, ms. */
const STORE_TIMEOUT_MS = 30_000;

/**
 * One pass over every resource, and the reloads that are due. True when all is as it should be; a resource
 * that fails does not keep the others from being done. Throws E_STORE_* when the store cannot be read: then
 * nothing was touched.
 */
export async function once(deps: OnceDeps, signal: AbortSignal): Promise<boolean> {
  const prefixes = prefixesOf(deps.pipelines.map((pipeline) => pipeline.resource));
  const call = { signal, timeoutMs: STORE_TIMEOUT_MS };
  const snapshots = new Map<string, Snapshot>();
  await Promise.all(prefixes.map(async (prefix) => snapshots.set(prefix, await deps.store.list(prefix, call))));

  let good = true;
  for (const pipeline of deps.pipelines) {
    signal.throwIfAborted();
    const outcome = await pipeline.run(snapshots, { signal: deps.hardStop, again: true });
    deps.report.outcome(pipeline.resource, outcome);
    deps.onOutcome(pipeline, outcome);
    if (outcome.result === "changed") deps.reloader.changed(pipeline.resource);
    good &&= isGood(outcome);
  }
  if (deps.filesOnly) return good;
  const failures = await deps.reloader.runDue({ signal: deps.hardStop });
  for (const { pipeline, outcome } of putBack(failures, deps)) deps.report.outcome(pipeline.resource, outcome);
  const dueInMs = deps.reloader.dueInMs();
  if (failures.length === 0 && dueInMs !== undefined) deps.report.deferred(dueInMs);
  return good && failures.length === 0 && dueInMs === undefined;
}
