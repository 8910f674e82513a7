import type { AppError } from "../core/errors.ts";
import type { ApplyPlan } from "../core/haproxy.ts";

/** How a new file came into force, or will. */
export type InForce =
  | { readonly how: "runtime"; readonly steps: readonly string[]; readonly applyMs: number }
  | { readonly how: "reload"; readonly because: readonly string[] };

/** What one pass did for one resource. */
export type Outcome =
  /** Dest already is what it should be. */
  | { readonly result: "current" }
  /** Dest was replaced. Times in ms. */
  | {
      readonly result: "changed";
      readonly renderMs: number;
      readonly checkMs: number;
      readonly writeMs: number;
      /** Undefined where nothing is known of an HAProxy that reads it. */
      readonly inForce: InForce | undefined;
    }
  /** `--noop`: dest would be replaced; the two texts are for the diff, the plan says what it would take. */
  | {
      readonly result: "would-change";
      readonly before: string;
      readonly after: string;
      readonly plan: ApplyPlan | undefined;
    }
  /** A guard did not believe the data, or the file; dest is untouched. `hint`: where the usual one does not help. */
  | {
      readonly result: "held";
      readonly reason: string;
      readonly vanished: readonly string[];
      readonly hint?: string;
    }
  /** A key is missing and `--missing wait` says to wait for it. */
  | { readonly result: "waiting"; readonly reason: string }
  /** Dest is untouched, unless it says otherwise. */
  | { readonly result: "failed"; readonly error: AppError };

/** Whether dest is as it should be after this outcome. */
export function isGood(outcome: Outcome): boolean {
  return outcome.result === "current" || outcome.result === "changed" || outcome.result === "would-change";
}
