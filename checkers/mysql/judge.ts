import type { Verdict } from "../../src/core/verdict.ts";
import { formatMs } from "../../src/lib/duration.ts";
import type { Life } from "./life.ts";
import { shorten } from "./server-error.ts";
import type { Replication, ThreadError } from "./status.ts";

/** How far a replica is behind its source, or why it may not be used. */
export type Standing =
  | { readonly lagSeconds: number; readonly note?: string }
  /** Not a standing that it can be used with. */
  | { readonly problem: Verdict };

/** What a link is judged by. */
export interface LinkScene {
  readonly maxLagMs: number;
  readonly nowMs: number;
  /** When this link was last seen to run, on the monotonic clock; undefined: never. */
  readonly linkSeenMs: number | undefined;
  /** Of the source, as it is at this moment; undefined when nobody watches it: it counts as alive. */
  readonly life: Pick<Life, "isGone" | "backSinceMs" | "lastSeenBeforeGoneMs"> | undefined;
}

/**
 * The receiver thread's errors when it cannot reach its source, or lost it: client errors 2xxx (MySQL 8.4, Client
 * Error Message Reference), the server's own network errors, and a source that is full or going down.
 */
const UNREACHABLE: ReadonlySet<number> = new Set([
  1040, 1053, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2005, 2006, 2013, 2026, 2055,
]);

/** Whether the link is down for no other reason than that its source cannot be reached. */
export function isCutOff({ receiver, receiverError }: Replication): boolean {
  if (receiver === "running") return false;
  // The first moments after a loss have no error yet. A thread that does not run and has none was stopped.
  if (receiverError === undefined) return receiver === "connecting";
  return UNREACHABLE.has(receiverError.errno);
}

/** Judges the link to the expected source. Pure. */
export function judgeLink(replication: Replication, scene: LinkScene): Standing {
  if (!replication.applierRuns) return judgeStopped(replication);
  if (replication.receiver === "running") return judgeLag(replication.lagSeconds, scene.maxLagMs);
  const stopped = replication.receiver === "stopped";
  const state = stopped ? "the IO thread does not run" : "the IO thread is not connected";
  if (!isCutOff(replication)) return down(`${state}${because(replication.receiverError)}`);
  return judgeCutOff(replication, scene) ?? down(`${state}${because(replication.receiverError)}`);
}

/** Adds what `read_only` has to say, and turns a standing into a verdict. */
export function toVerdict(standing: Standing): Verdict {
  if ("problem" in standing) return standing.problem;
  const { lagSeconds, note } = standing;
  return { state: "up", reason: note ?? `replicates, lag ${lagSeconds} s`, rank: [lagSeconds] };
}

/** A chained replica is as far behind the master as its source and itself together. */
export function addLag(one: Standing, other: Standing, maxLagMs: number): Standing {
  if ("problem" in one) return one;
  if ("problem" in other) return other;
  const total = judgeLag(one.lagSeconds + other.lagSeconds, maxLagMs);
  const note = one.note ?? other.note;
  return "problem" in total || note === undefined ? total : { ...total, note };
}

/** A verdict of `down` as a standing. */
export function down(reason: string): { readonly problem: Verdict } {
  return { problem: { state: "down", reason } };
}

function judgeStopped({ receiver, applierError }: Replication): Standing {
  const both = receiver === "stopped" && applierError === undefined;
  return down(both ? "replication is stopped" : `the SQL thread does not run${because(applierError)}`);
}

function judgeLag(lagSeconds: number | undefined, maxLagMs: number): Standing {
  if (lagSeconds === undefined) return down("lag is not known (NULL)");
  if (lagSeconds * 1_000 <= maxLagMs) return { lagSeconds };
  const reason = `lag ${lagSeconds} s is more than ${formatMs(maxLagMs)}`;
  return { problem: { state: "down", reason, makeshift: [lagSeconds] } };
}

/**
 * A replica that cannot reach its source is judged by what it can have missed, which is nothing as long as the source
 * is gone. Undefined: the source lives, and only this replica does not reach it.
 */
function judgeCutOff(replication: Replication, { life, linkSeenMs, nowMs, maxLagMs }: LinkScene): Standing | undefined {
  if (life === undefined) return undefined;
  const before = life.lastSeenBeforeGoneMs;
  if (linkSeenMs !== undefined && before !== undefined && before - linkSeenMs > maxLagMs) {
    return down(`its link to the master broke ${formatMs(before - linkSeenMs)} before the master was gone`);
  }
  if (life.isGone) return judgeOrphan(replication, maxLagMs);
  const { backSinceMs } = life;
  // A link that ran after the master came back and is down again is another fault.
  if (backSinceMs === undefined || (linkSeenMs !== undefined && linkSeenMs > backSinceMs)) return undefined;
  const missedMs = nowMs - backSinceMs;
  if (missedMs > maxLagMs) return undefined;
  const note = `the master is back for ${formatMs(missedMs)}; this replica has not connected to it again yet`;
  const orphan = judgeOrphan(replication, maxLagMs);
  if ("problem" in orphan) return orphan;
  const total = judgeLag(orphan.lagSeconds + Math.round(missedMs / 1_000), maxLagMs);
  return "problem" in total ? total : { ...total, note };
}

function judgeOrphan({ lagSeconds, hasAppliedAll }: Replication, maxLagMs: number): Standing {
  // The server says NULL once everything is applied and nothing more can come.
  const lag = lagSeconds ?? (hasAppliedAll ? 0 : undefined);
  const standing = judgeLag(lag, maxLagMs);
  if ("problem" in standing) return standing;
  const note =
    standing.lagSeconds === 0
      ? "the master is gone; all that was received is applied"
      : `the master is gone; lag ${standing.lagSeconds} s`;
  return { ...standing, note };
}

function because(error: ThreadError | undefined): string {
  return error === undefined ? "" : `: error ${error.errno}: ${shorten(error.text)}`;
}
