import { describe, expect, test } from "vitest";
import type { Guard } from "../../../src/core/resource.ts";
import { judge } from "../../../src/render/guard.ts";

const DEFAULT: Guard = { minEntries: 0, maxShrinkPercent: 50, allowEmpty: false, confirmAfterMs: undefined };

function keys(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `/haproxy/memcached/m${i}`);
}

function held(given: {
  guard?: Partial<Guard>;
  before?: readonly string[];
  now: readonly string[];
  heldForMs?: number;
}) {
  const { before, now, heldForMs } = given;
  return judge({ guard: { ...DEFAULT, ...given.guard }, before, now, heldForMs });
}

describe("the guard", () => {
  test("lets the first data through, whatever their number", () => {
    expect(held({ now: keys(1) })).toBeUndefined();
  });
  test("does not believe that there is nothing at all, also the first time", () => {
    expect(held({ now: [] })?.reason).toContain("no key at all");
    expect(held({ before: keys(3), now: [] })?.vanished).toEqual(keys(3));
  });
  test("believes nothing at all when the resource allows it and half may vanish", () => {
    expect(held({ guard: { allowEmpty: true, maxShrinkPercent: 100 }, before: keys(3), now: [] })).toBeUndefined();
  });
  test("lets exactly max_shrink through and holds one more back", () => {
    expect(held({ before: keys(4), now: keys(2) })).toBeUndefined();
    const result = held({ before: keys(4), now: keys(1) });
    expect(result?.reason).toBe('4 keys shrank to 1 at once (max_shrink = "50%")');
    expect(result?.vanished).toEqual(["/haproxy/memcached/m1", "/haproxy/memcached/m2", "/haproxy/memcached/m3"]);
  });
  test("a renamed key is no shrinking", () => {
    expect(held({ guard: { maxShrinkPercent: 0 }, before: ["/a", "/b"], now: ["/a", "/c"] })).toBeUndefined();
  });
  test("holds back fewer keys than min_entries, also the first time", () => {
    expect(held({ guard: { minEntries: 2 }, now: keys(1) })?.reason).toContain("only 1 of at least 2");
    expect(held({ guard: { minEntries: 2 }, now: keys(2) })).toBeUndefined();
  });
  test("believes the data after confirm_after, and not before", () => {
    const guard = { confirmAfterMs: 60_000 };
    expect(held({ guard, before: keys(4), now: keys(1), heldForMs: 59_999 })).toBeDefined();
    expect(held({ guard, before: keys(4), now: keys(1), heldForMs: 60_000 })).toBeUndefined();
  });
});
