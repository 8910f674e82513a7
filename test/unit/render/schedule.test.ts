import { describe, expect, test } from "vitest";
import { dueAtMs, type Pace, type Timing } from "../../../src/render/schedule.ts";

const NEVER = Number.NEGATIVE_INFINITY;

function timing(given: Partial<Timing>): Timing {
  return { dirtySinceMs: undefined, changedAtMs: 0, passedAtMs: NEVER, retryAtMs: undefined, ...given };
}

function pace(given: Partial<Pace> = {}): Pace {
  return { quietMs: 100, debounceMs: 0, splayMs: 0, ...given };
}

describe("when a resource is due", () => {
  const cases: {
    readonly sentence: string;
    readonly timing: Timing;
    readonly pace: Pace;
    readonly due: number | undefined;
  }[] = [
    { sentence: "nothing changed and nothing failed: never", timing: timing({}), pace: pace(), due: undefined },
    {
      sentence: "the first change after quiet is due at once",
      timing: timing({ dirtySinceMs: 5_000, changedAtMs: 5_000, passedAtMs: 1_000 }),
      pace: pace(),
      due: 5_000,
    },
    {
      sentence: "a change within the quiet period waits for its end",
      timing: timing({ dirtySinceMs: 1_020, changedAtMs: 1_020, passedAtMs: 1_000 }),
      pace: pace(),
      due: 1_100,
    },
    {
      sentence: "with debounce it waits until there was no change for that long",
      timing: timing({ dirtySinceMs: 5_000, changedAtMs: 5_300 }),
      pace: pace({ debounceMs: 500 }),
      due: 5_800,
    },
    {
      sentence: "a steady stream cannot put it off for longer than four debounce times",
      timing: timing({ dirtySinceMs: 5_000, changedAtMs: 9_999 }),
      pace: pace({ debounceMs: 500 }),
      due: 7_000,
    },
    {
      sentence: "splay counts from the first change",
      timing: timing({ dirtySinceMs: 5_000, changedAtMs: 5_700 }),
      pace: pace({ splayMs: 2_000 }),
      due: 7_000,
    },
    {
      sentence: "a failed one is tried again though nothing changed",
      timing: timing({ retryAtMs: 8_000, passedAtMs: 7_000 }),
      pace: pace(),
      due: 8_000,
    },
    {
      sentence: "a change does not wait for the retry of the failure before it",
      timing: timing({ dirtySinceMs: 7_500, changedAtMs: 7_500, retryAtMs: 60_000, passedAtMs: 7_000 }),
      pace: pace(),
      due: 7_500,
    },
    {
      sentence: "a retry does not wait for a debounce that is still running",
      timing: timing({ dirtySinceMs: 7_500, changedAtMs: 7_900, retryAtMs: 7_600, passedAtMs: 7_000 }),
      pace: pace({ debounceMs: 500 }),
      due: 7_600,
    },
  ];
  for (const { sentence, timing, pace, due } of cases) {
    test(sentence, () => expect(dueAtMs(timing, pace)).toBe(due));
  }
});
