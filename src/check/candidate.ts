import type { Candidate } from "../core/decide.ts";
import type { Member } from "./member.ts";

/** How the policy sees a member: "just now" is within the last `freshMs`. */
export function toCandidate(member: Member, nowMs: number, freshMs: number): Candidate {
  const { target, memory, verdict, asking, judgedMs } = member;
  const fresh = nowMs - judgedMs <= freshMs;
  const saidUp = verdict?.state === "up";
  return {
    target,
    health: memory.health,
    justSeenUp: saidUp && fresh && memory.against === 0,
    asking: asking || isStale(member, nowMs, freshMs),
  };
}

/** Counts as up by an answer that is too old to publish it for: to be asked once more before that. */
export function isStale(member: Member, nowMs: number, freshMs: number): boolean {
  return member.memory.health === "up" && member.verdict?.state === "up" && nowMs - member.judgedMs > freshMs;
}
