import type { Verdict } from "./verdict.ts";

/** How many verdicts in a row it takes to change one's mind about a target. */
export interface Thresholds {
  /** Healthy verdicts in a row until a target that was down counts as up again. */
  readonly rise: number;
  /** Verdicts in a row that are not healthy until a target that was up counts as down. */
  readonly fall: number;
}

/** What counts for a target after damping; `unseen`: neither seen healthy nor known to have failed. */
export type Health = "unseen" | "up" | "drain" | "down";

/** What is remembered of one target between two verdicts. */
export interface Damped {
  readonly health: Health;
  /** Verdicts in a row that contradict `health`. */
  readonly against: number;
  /** Healthy verdicts in a row, counted up to `rise`. */
  readonly ups: number;
}

/** Before the first verdict. */
export const UNSEEN: Damped = { health: "unseen", against: 0, ups: 0 };

/**
 * Takes one verdict in. Returns the same object when nothing changed, so that a healthy second costs nothing.
 *
 * - `unknown` changes nothing.
 * - The first `up` of a target that was never judged counts at once: `rise` is for a target that comes back
 *   after a failure. Without a server published yet, waiting would only lengthen the time without service.
 * - A target that was up or never seen becomes `down` (or `drain`) after `fall` such verdicts in a row.
 * - `down` and `drain` follow one another at once: neither may be published.
 */
export function damp(memory: Damped, verdict: Verdict, thresholds: Thresholds): Damped {
  if (verdict.state === "unknown") return memory;
  const wasUsable = memory.health === "up" || memory.health === "unseen";
  if (verdict.state === "up") return wasUsable ? stayUp(memory, thresholds) : recover(memory, thresholds);
  if (wasUsable && memory.against + 1 < thresholds.fall) {
    return { health: memory.health, against: memory.against + 1, ups: 0 };
  }
  if (memory.health === verdict.state && memory.against === 0) return memory;
  return { health: verdict.state, against: 0, ups: 0 };
}

/** Whether the latest verdicts contradict a target that has not failed yet: ask again soon. */
export function isInDoubt(memory: Damped): boolean {
  return memory.against > 0 && (memory.health === "up" || memory.health === "unseen");
}

function stayUp(memory: Damped, { rise }: Thresholds): Damped {
  const ups = Math.min(memory.ups + 1, rise);
  return memory.health === "up" && memory.against === 0 && memory.ups === ups
    ? memory
    : { health: "up", against: 0, ups };
}

function recover(memory: Damped, { rise }: Thresholds): Damped {
  const ups = memory.ups + 1;
  return ups >= rise ? { health: "up", against: 0, ups: rise } : { health: memory.health, against: ups, ups };
}
