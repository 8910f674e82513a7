import type { Health } from "../core/damper.ts";
import type { Candidate } from "../core/policy.ts";
import type { Member } from "./member.ts";

/** When an answer counts as old, and how many good ones it takes. */
export interface Freshness {
  /** "Just now" is within the last so many ms. */
  readonly timeoutMs: number;
  readonly thresholds: { readonly rise: number };
}

/** How the policy sees a member. */
export function toCandidate(member: Member, nowMs: number, { timeoutMs, thresholds }: Freshness): Candidate {
  const { target, memory, verdict, asking, judgedMs } = member;
  const fresh = nowMs - judgedMs <= timeoutMs;
  return {
    target,
    health: memory.health,
    latest: verdict?.state,
    justSeenUp: verdict?.state === "up" && fresh && memory.against === 0,
    asking: asking || isStale(member, nowMs, timeoutMs),
    recovering: !isUsableHealth(memory.health) && verdict?.state === "up" && fresh,
    proven: memory.health === "up" && memory.ups >= thresholds.rise,
    ...(verdict?.state === "up" && verdict.rank !== undefined ? { rank: verdict.rank } : {}),
    ...(verdict?.state === "down" && verdict.makeshift !== undefined ? { makeshift: verdict.makeshift } : {}),
  };
}

function isUsableHealth(health: Health): boolean {
  return health === "up" || health === "unseen";
}

/** Counts as up by an answer that is too old to publish it for: to be asked once more before that. */
export function isStale(member: Member, nowMs: number, freshMs: number): boolean {
  return member.memory.health === "up" && member.verdict?.state === "up" && nowMs - member.judgedMs > freshMs;
}
