import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rule, type Vote } from "../../../../checkers/redis/ruling.ts";

const a = { host: "10.0.0.1", port: 1 };
const b = { host: "10.0.0.2", port: 2 };

describe("the Sentinels", () => {
  test.each<[what: string, votes: readonly Vote[], sentinels: number, reason: string | undefined]>([
    ["agree when all say the same", [a, a, a], 3, undefined],
    ["agree when most say the same", [b, a, a], 3, undefined],
    ["agree when most say the same and the rest is silent", [a, a], 3, undefined],
    ["agree when there is one, and it answers", [a], 1, undefined],
    ["agree in any spelling", [a, { host: "::ffff:10.0.0.1", port: 1 }], 3, undefined],
    ["say nothing when half of them are silent", [a, a], 4, "only 2 of 4 Sentinels answer"],
    ["say nothing when most of them are silent", [a], 3, "only 1 of 3 Sentinels answers"],
    ["say nothing when all of them are silent", [], 3, "none of the 3 Sentinels answers"],
    ["say nothing when the only one is silent", [], 1, "the only Sentinel does not answer"],
    [
      "do not agree when they are half and half",
      [a, b],
      2,
      "the Sentinels do not agree: 1 of 2 name 10.0.0.1:1, 1 of 2 name 10.0.0.2:2",
    ],
    [
      "do not agree when one of those that answer does not know the master",
      [a, "stranger"],
      3,
      "the Sentinels do not agree: 1 of 3 name 10.0.0.1:1, 1 of 3 know no master of that name",
    ],
    ["know no such master", ["stranger", "stranger"], 3, "the Sentinels know no master of that name"],
  ])("%s", (_, votes, sentinels, reason) => {
    const ruling = rule(votes, sentinels);
    if (reason === undefined) expect(ruling).toMatchObject({ agreed: true, master: a });
    else expect(ruling).toEqual({ agreed: false, reason });
  });

  test("can never agree on two masters, on whichever sides of a cut they are", () => {
    const vote = fc.constantFrom<Vote>(a, b, "stranger");
    const cut = fc.array(fc.record({ vote, side: fc.boolean() }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(cut, (all) => {
        const masters = [true, false].flatMap((side) => {
          const ruling = rule(
            all.filter((one) => one.side === side).map((one) => one.vote),
            all.length,
          );
          return ruling.agreed ? [ruling.master] : [];
        });
        expect(masters.length).toBeLessThan(2);
      }),
    );
  });
});
