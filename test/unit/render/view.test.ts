import { expect, test } from "vitest";
import { parseResource } from "../../../src/config/resource-file.ts";
import type { Pair, Snapshot } from "../../../src/core/store.ts";
import { createView } from "../../../src/render/view.ts";

function view(keys: readonly string[], prefix = "") {
  const text = `[template]\nsrc = "a"\ndest = "/a"\nprefix = "${prefix}"\nkeys = ${JSON.stringify(keys)}`;
  return createView(parseResource({ file: "a.toml", name: "a", text, globalPrefix: "" }));
}

function pair(key: string, value = "v"): Pair {
  return { key, value, index: "1" };
}

function snapshots(given: Readonly<Record<string, readonly Pair[]>>): ReadonlyMap<string, Snapshot> {
  return new Map(Object.entries(given).map(([prefix, pairs]) => [prefix, { prefix, pairs }]));
}

test("nothing is shown before every watched prefix has been read", () => {
  const shown = view(["/a/", "/b/"]);
  expect(shown.pairs(snapshots({ "a/": [] }))).toBeUndefined();
  expect(shown.pairs(snapshots({ "a/": [], "b/": [] }))).toEqual([]);
});

test("keys begin with a slash and have the prefix stripped", () => {
  const shown = view(["/app/"], "/production").pairs(snapshots({ "production/app/": [pair("production/app/x")] }));
  expect(shown?.map(({ key }) => key)).toEqual(["/app/x"]);
});

test("overlapping prefixes show a key once, all sorted", () => {
  const both = [pair("a/b/x"), pair("a/c")];
  const shown = view(["/a/", "/a/b/"]).pairs(snapshots({ "a/": both, "a/b/": [pair("a/b/x")] }));
  expect(shown?.map(({ key }) => key)).toEqual(["/a/b/x", "/a/c"]);
});

test("a pair that the store did not touch stays the same object, whatever comes and goes around it", () => {
  const shown = view(["/a/"]);
  const [one, two, three] = [pair("a/1"), pair("a/2"), pair("a/3")];
  const before = shown.pairs(snapshots({ "a/": [one, two, three] })) ?? [];
  const after = shown.pairs(snapshots({ "a/": [pair("a/0"), one, pair("a/2", "new"), pair("a/25"), three] })) ?? [];
  expect(after.map(({ key, value }) => `${key}=${value}`)).toEqual([
    "/a/0=v",
    "/a/1=v",
    "/a/2=new",
    "/a/25=v",
    "/a/3=v",
  ]);
  expect(after[1]).toBe(before[0]);
  expect(after[2]).not.toBe(before[1]);
  expect(after[4]).toBe(before[2]);
});
