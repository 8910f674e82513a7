import type { Candidate } from "../core/decide.ts";
import type { Member } from "./member.ts";

/** How the policy sees a member: "just now" is within the last `freshMs`. */
export function toCandidate(member: Member, nowMs: number, freshMs: number): Candidate {
  const { target, memory, goodSinceMs, asking, judgedMs } = member;
  const justJudged = nowMs - judgedMs <= freshMs;
  const isGood = goodSinceMs !== undefined;
  return {
    target,
    health: memory.health,
    justJudged,
    justSeenUp: isGood && justJudged,
    newlyUp: isGood && nowMs - goodSinceMs <= freshMs,
    asking: asking || isStale(member, nowMs, freshMs),
  };
}

/** Could be published but for its answer, which is too old for that: to be asked once more. */
export function isStale({ goodSinceMs, judgedMs }: Member, nowMs: number, freshMs: number): boolean {
  return goodSinceMs !== undefined && nowMs - judgedMs > freshMs;
}
