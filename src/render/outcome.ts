import type { AppError } from "../core/errors.ts";

/** What one pass did for one resource. */
export type Outcome =
  /** Dest already is what it should be. */
  | { readonly result: "current" }
  /** Dest was replaced. Times in ms. */
  | { readonly result: "changed"; readonly renderMs: number; readonly checkMs: number; readonly writeMs: number }
  /** `--noop`: dest would be replaced; the two texts are for the diff. */
  | { readonly result: "would-change"; readonly before: string; readonly after: string }
  /** The guard did not believe the data; dest is untouched. */
  | { readonly result: "held"; readonly reason: string; readonly vanished: readonly string[] }
  /** A key is missing and `--missing wait` says to wait for it. */
  | { readonly result: "waiting"; readonly reason: string }
  /** Dest is untouched, unless it says otherwise. */
  | { readonly result: "failed"; readonly error: AppError };

/** Whether dest is as it should be after this outcome. */
export function isGood(outcome: Outcome): boolean {
  return outcome.result === "current" || outcome.result === "changed" || outcome.result === "would-change";
}
