import type { Outcome } from "./outcome.ts";
import type { Pipeline } from "./pipeline.ts";
import type { ReloadFailure } from "./reloader.ts";
import type { Report } from "./report.ts";

/** Tells of failed reloads, and puts the file that runs back where HAProxy refused the new one; the outcomes of those. */
export function putBack(
  failures: readonly ReloadFailure[],
  deps: { readonly pipelines: readonly Pipeline[]; readonly report: Report },
): readonly { readonly pipeline: Pipeline; readonly outcome: Outcome }[] {
  deps.report.reloadFailures(failures.filter(({ refused }) => refused.length === 0).map(({ error }) => error));
  return failures.flatMap(({ error, refused }) =>
    deps.pipelines
      .filter(({ resource }) => refused.includes(resource))
      .map((pipeline) => ({ pipeline, outcome: pipeline.putBack(error) })),
  );
}
