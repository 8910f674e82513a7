import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Order } from "../../../src/core/order.ts";
import {
  composeOrder,
  composeRecovery,
  isOver,
  oneLine,
  parseOrder,
  parseRecovery,
} from "../../../src/core/order-value.ts";

const NOON_MS = Date.UTC(2026, 0, 31, 12);
const ORDER: Order = {
  state: "maint",
  reason: "disk swap",
  by: "eva@db1",
  sinceMs: NOON_MS,
  untilMs: NOON_MS + 1_800_000,
};
const NOTHING_ELSE = { reason: undefined, by: undefined, sinceMs: undefined, untilMs: undefined };

describe("an order in the store", () => {
  test("is JSON that a person can read", () => {
    expect(composeOrder(ORDER)).toBe(
      '{"state":"maint","reason":"disk swap","by":"eva@db1","since":"2026-01-31T12:00:00.000Z","until":"2026-01-31T12:30:00.000Z"}',
    );
  });

  test("is read back as it was given, with and without an end", () => {
    const endless: Order = { ...ORDER, state: "drain", reason: undefined, untilMs: undefined };
    expect(parseOrder(composeOrder(ORDER))).toEqual({ order: ORDER });
    expect(parseOrder(composeOrder(endless))).toEqual({ order: endless });
  });

  test("needs no more than its state when it is written by hand", () => {
    expect(parseOrder('{"state":"drain"}')).toEqual({ order: { state: "drain", ...NOTHING_ELSE } });
    expect(parseOrder('{"state":"maint","until":null,"reason":7,"by":{},"more":1}')).toEqual({
      order: { state: "maint", ...NOTHING_ELSE },
    });
  });

  test("may have its times in any zone", () => {
    expect(parseOrder('{"state":"maint","until":"2026-01-31T13:00+01:00"}')).toMatchObject({
      order: { untilMs: NOON_MS },
    });
  });

  test.each([
    ["nothing", "", /not a JSON object/],
    ["no JSON", "maint", /not a JSON object/],
    ["a list", "[]", /not a JSON object/],
    ["null", "null", /not a JSON object/],
    ["no state", "{}", /"state" must be/],
    ["ready, which is said by taking the order away", '{"state":"ready"}', /"state" must be/],
    ["an end in words", '{"state":"maint","until":"tomorrow"}', /"until" must be a time with its zone/],
    ["an end without a zone", '{"state":"maint","until":"2026-01-31T12:00:00"}', /"until" must be/],
    ["an end that is a number", '{"state":"maint","until":5}', /"until" must be/],
    ["an end that is no day", '{"state":"maint","until":"2026-13-31T12:00:00Z"}', /"until" must be/],
    ["a beginning in words", '{"state":"maint","since":"today"}', /"since" must be/],
  ])("is not heeded when it is %s", (_, value, problem) => {
    expect(parseOrder(value)).toEqual({ problem: expect.stringMatching(problem) });
  });

  test("never makes the reader throw, and never gives text of more than a line", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc
            .record({ state: fc.constant("maint"), reason: fc.string({ unit: "binary" }) })
            .map((order) => JSON.stringify(order)),
        ),
        (value) => {
          const result = parseOrder(value);
          if ("order" in result) expect(result.order.reason ?? "").toMatch(/^[^\p{Cc}\u2028\u2029\u202e]*$/u);
        },
      ),
    );
  });
});

describe("an order ends", () => {
  test("at the very moment of its end, and not before", () => {
    expect(isOver(ORDER, NOON_MS + 1_799_999)).toBe(false);
    expect(isOver(ORDER, NOON_MS + 1_800_000)).toBe(true);
  });

  test("never by itself without one", () => {
    expect(isOver({ ...ORDER, untilMs: undefined }, Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});

describe("a text of one line", () => {
  test.each([
    ["new disk\nand more", "new disk and more"],
    ["\x1b[31mred", "[31mred"],
    ["left \u202eright", "left right"],
    ["two\u2028lines", "two lines"],
    ["  Zürich, 東京, 😀  ", "Zürich, 東京, 😀"],
  ])("%j becomes %j", (text, line) => {
    expect(oneLine(text)).toBe(line);
  });

  test("is nothing when nothing can be printed", () => {
    expect(oneLine(" \n\x00 ")).toBeUndefined();
  });

  test("is cut where it is long, between characters", () => {
    expect(oneLine("😀".repeat(500))).toBe("😀".repeat(200));
  });
});

describe("a recovery in the store", () => {
  test("is read back by its id, whoever said it", () => {
    expect(parseRecovery(composeRecovery({ id: "a-1" }, "eva@db1", NOON_MS))).toEqual({ id: "a-1" });
  });

  test.each(["", "{}", '{"id":""}', '{"id":7}', `{"id":"${"x".repeat(201)}"}`, "[]"])("%s is none", (value) => {
    expect(parseRecovery(value)).toHaveProperty("problem");
  });
});
