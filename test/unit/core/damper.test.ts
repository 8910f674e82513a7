import { describe, expect, test } from "vitest";
import { type Damped, damp, isInDoubt, UNSEEN } from "../../../src/core/damper.ts";
import type { Verdict, VerdictState } from "../../../src/core/verdict.ts";

const WORD: Readonly<Record<string, VerdictState>> = { u: "up", d: "down", r: "drain", "?": "unknown" };

/** `uud` is two verdicts up and one down. */
function damped(verdicts: string, { rise, fall }: { rise: number; fall: number }, from: Damped = UNSEEN): Damped {
  return [...verdicts].reduce((memory, letter) => {
    const verdict: Verdict = { state: WORD[letter] ?? "unknown", reason: letter };
    return damp(memory, verdict, { rise, fall });
  }, from);
}

describe("the damper", () => {
  test.each([
    ["a target nobody asked is unseen", "", 1, 2, "unseen"],
    ["the first success counts at once, whatever rise says", "u", 5, 2, "up"],
    ["one lost probe does not bring it down when fall is 2", "ud", 1, 2, "up"],
    ["two lost probes in a row bring it down when fall is 2", "udd", 1, 2, "down"],
    ["a success between two lost probes starts the count anew", "udud", 1, 2, "up"],
    ["one lost probe brings it down when fall is 1", "ud", 1, 1, "down"],
    ["fall counts for a target never seen healthy too", "d", 1, 2, "unseen"],
    ["a target never seen healthy fails after fall probes", "dd", 1, 2, "down"],
    ["a target never seen healthy that lost a probe is up at the first success", "du", 3, 2, "up"],
    ["what was down comes back at the first success when rise is 1", "uddu", 1, 2, "up"],
    ["what was down stays down until rise successes", "udduu", 3, 2, "down"],
    ["what was down comes back after rise successes", "udduuu", 3, 2, "up"],
    ["a failure among the successes starts rise anew", "udduuduu", 3, 2, "down"],
    ["unknown changes nothing for what is up", "u????", 1, 1, "up"],
    ["unknown changes nothing for what is down", "udd????", 1, 2, "down"],
    ["unknown changes nothing for what nobody has seen", "????", 1, 1, "unseen"],
    ["unknown does not interrupt the count of failures", "ud?d", 1, 2, "down"],
    ["unknown does not interrupt the count of successes", "uddu?u", 2, 2, "up"],
    ["draining counts like failing", "urr", 1, 2, "drain"],
    ["failing and draining count together, the last one names the state", "udr", 1, 2, "drain"],
    ["what drains and then fails is down at once", "urrd", 1, 2, "down"],
    ["what drains comes back after rise successes", "urruu", 2, 2, "up"],
  ] as const)("%s (%s, rise %i, fall %i)", (_, verdicts, rise, fall, health) => {
    expect(damped(verdicts, { rise, fall }).health).toBe(health);
  });

  test("a verdict that changes nothing gives the same object back", () => {
    const thresholds = { rise: 1, fall: 2 };
    const up = damped("u", thresholds);
    const down = damped("dd", thresholds);
    expect(damped("u", thresholds, up)).toBe(up);
    expect(damped("?", thresholds, up)).toBe(up);
    expect(damped("d", thresholds, down)).toBe(down);
    expect(damped("?", thresholds, UNSEEN)).toBe(UNSEEN);
  });

  test.each([
    ["a target that is up and lost a probe", "ud", true],
    ["a target never seen healthy that lost a probe", "d", true],
    ["a healthy target", "u", false],
    ["a target that is down", "dd", false],
    ["a target that is on its way back", "ddu", false],
  ] as const)("in doubt, to be asked again soon: %s (%s)", (_, verdicts, doubted) => {
    expect(isInDoubt(damped(verdicts, { rise: 3, fall: 2 }))).toBe(doubted);
  });
});
