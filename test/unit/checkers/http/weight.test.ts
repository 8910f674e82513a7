import { describe, expect, test } from "vitest";
import { parsePath, valueAt } from "../../../../checkers/http/json-path.ts";
import { parseReductions, weightOf } from "../../../../checkers/http/weight.ts";

const DATAWAVE = parseReductions("ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0.3", "--weight-by");

describe("the weight of a DataWave server is what its own agent computes:", () => {
  test.each([
    [0, 0, 0, 100],
    [80, 0.5, 0, 24],
    [50, 0.1, 0, 61],
    [30, 0.2, 1, 41],
    [70, 0, 0, 51],
    [90, 0, 0, 37],
    [150, 0, 0, 30],
    [100, 1, 1, 1],
    [20, 0.05, 0, 84],
  ])(
    "%d %% of the connections, load %d, %d bytes of swap: %d %%",
    (ConnectionUsagePercent, SystemLoad, SwapBytesUsed, percent) => {
      expect(weightOf({ ConnectionUsagePercent, SystemLoad, SwapBytesUsed }, DATAWAVE)).toBe(percent);
    },
  );

  test("but a load of -1, which means not known, takes off nothing instead of adding to it", () => {
    expect(weightOf({ ConnectionUsagePercent: 0, SystemLoad: -1, SwapBytesUsed: 0 }, DATAWAVE)).toBe(100);
  });
});

test("a value that is missing or no number is told by its name", () => {
  expect(() => weightOf({ ConnectionUsagePercent: 0 }, DATAWAVE)).toThrow("its SystemLoad is not a number");
  expect(() => weightOf({ ConnectionUsagePercent: "much" }, DATAWAVE)).toThrow(
    "its ConnectionUsagePercent is not a number",
  );
  expect(() => weightOf([], DATAWAVE)).toThrow("is not a number");
});

describe("reductions", () => {
  test("are none, one or several", () => {
    expect(parseReductions("", "x")).toEqual([]);
    expect(parseReductions("a.b[2]:0.5", "x")).toEqual([{ name: "a.b[2]", path: ["a", "b", 2], factor: 0.5, full: 1 }]);
    expect(parseReductions("a/250:1, b>0:0", "x")).toMatchObject([
      { full: 250, factor: 1 },
      { full: undefined, factor: 0 },
    ]);
  });

  test.each(["load", "load:", "load:1.5", "load:-1", ":0.5", "a..b:0.5", "load/0:0.5", "load>1:0.5", "a[x]:1"])(
    "refuse %j and say how it is written",
    (text) => {
      expect(() => parseReductions(text, "--weight-by")).toThrow(
        expect.objectContaining({ code: "E_USAGE", message: `--weight-by: "${text}" is not understood` }),
      );
    },
  );
});

describe("a path into a document", () => {
  test("finds what is there, and undefined for what is not", () => {
    const document = { a: { "b c": [{ d: 1 }] }, constructor: undefined };
    expect(valueAt(document, parsePath("a.b c[0].d") ?? [])).toBe(1);
    for (const path of ["a.x", "a.b c[1]", "a.b c.d.e", "toString", "__proto__"]) {
      expect(valueAt(document, parsePath(path) ?? [])).toBeUndefined();
    }
    expect(valueAt(null, ["a"])).toBeUndefined();
  });
});
