import { describe, expect, test } from "vitest";
import { phaseOf, proxyportOf, pulseOf } from "../../../src/check/options.ts";

describe("the proxyport", () => {
  test.each([
    ["is the first server's port and the kind's offset", {}, 16_211],
    ["takes the offset of --proxyport-offset", { offset: 10_050 }, 21_261],
    ["may have an offset of 0", { offset: 0 }, 11_211],
    ["may have a negative offset", { offset: -1_000 }, 10_211],
    ["is what --proxyport says", { port: 9_000 }, 9_000],
    ["is what --proxyport says when both are given", { port: 9_000, offset: 1 }, 9_000],
  ])("%s", (_, options, proxyport) => {
    expect(proxyportOf(options, 5_000, 11_211)).toBe(proxyport);
  });

  test.each([
    [{ offset: 60_000 }, "11211 + 60000 = 71211"],
    [{ offset: -11_211 }, "11211 + -11211 = 0"],
    [{ port: 0 }, "0"],
    [{ port: 65_536 }, "65536"],
    [{ port: 1.5 }, "1.5"],
  ])("%o is refused with its sum", (options, shown) => {
    expect(() => proxyportOf(options, 5_000, 11_211)).toThrow(
      expect.objectContaining({
        code: "E_USAGE",
        message: `the proxyport must be from 1 to 65535 (is ${shown})`,
      }),
    );
  });
});

test("tags are spread evenly over the interval", () => {
  expect([0, 1, 2, 3].map((index) => phaseOf(index, 4, 1_000))).toEqual([0, 250, 500, 750]);
  expect(phaseOf(0, 0, 1_000)).toBe(0);
});

test.each([
  ["one tag has the pulse that was asked for", 50, 1, 1_000, 50],
  ["fifty still have", 50, 50, 1_000, 50],
  ["two hundred share the pings that a process can afford", 50, 200, 1_000, 200],
  ["a pulse no faster than the rounds is none", 50, 1_000, 1_000, 0],
  ["so is one that was asked for", 2_000, 1, 1_000, 0],
  ["none was asked for", 0, 1, 1_000, 0],
])("the pulse: %s", (_, pulseMs, count, intervalMs, expected) => {
  expect(pulseOf(pulseMs, count, intervalMs)).toBe(expected);
});
