import { expect, test } from "vitest";
import { parseResource } from "../../../src/config/resource-file.ts";
import type { Pair, Snapshot } from "../../../src/core/store.ts";
import { createView } from "../../../src/render/view.ts";

function view(keys: readonly string[], prefix = "", more = "") {
  const text = `[template]\nsrc = "a"\ndest = "/a"\nprefix = "${prefix}"\nkeys = ${JSON.stringify(keys)}\n${more}`;
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

const MEMBERS = '[peers]\nmembers = ["lb2=10.0.0.2:10000", "lb1=10.0.0.1:10000"]\nsocket_port = 9999';

test("listed HAProxies are shown as if they had announced themselves", () => {
  const shown = view(["/haproxy/"], "", MEMBERS).pairs(snapshots({ "haproxy/": [pair("haproxy/galera/g")] }));
  expect(shown?.map(({ key, value }) => `${key} ${value}`)).toEqual([
    "/haproxy/galera/g v",
    '/haproxy/peers/lb1 {"name":"lb1","host":"10.0.0.1","port":10000,"socket":"10.0.0.1:9999"}',
    '/haproxy/peers/lb2 {"name":"lb2","host":"10.0.0.2","port":10000,"socket":"10.0.0.2:9999"}',
  ]);
});

test("a resource that watches nothing has them, too, sorted", () => {
  expect(
    view([], "", MEMBERS)
      .pairs(new Map())
      ?.map(({ key }) => key),
  ).toEqual(["/haproxy/peers/lb1", "/haproxy/peers/lb2"]);
});

test("what the store says of one of them counts", () => {
  const shown = view(["/haproxy/peers/"], "", MEMBERS);
  const pairs = shown.pairs(snapshots({ "haproxy/peers/": [pair("haproxy/peers/lb2", "said")] }));
  expect(pairs?.map(({ value }) => value === "said")).toEqual([false, true]);
});

test("under a prefix they are where the announced ones are", () => {
  const shown = view(["/haproxy/peers/"], "/dc1", MEMBERS);
  const announced = pair("dc1/haproxy/peers/lb1", "said");
  const pairs = shown.pairs(snapshots({ "dc1/haproxy/peers/": [announced] }));
  expect(pairs?.map(({ key, value }) => `${key} ${value === "said"}`)).toEqual([
    "/haproxy/peers/lb1 true",
    "/haproxy/peers/lb2 false",
  ]);
});

test("a listed HAProxy stays the same object from render to render", () => {
  const shown = view(["/a/"], "", MEMBERS);
  const before = shown.pairs(snapshots({ "a/": [] })) ?? [];
  const after = shown.pairs(snapshots({ "a/": [pair("a/1")] })) ?? [];
  expect(after.slice(1)).toEqual(before);
  expect(after[1]).toBe(before[0]);
  expect(after[2]).toBe(before[1]);
});

test("this machine's own is there whatever the store says of it, and the same object as long as it says the same", () => {
  const shown = view(["/haproxy/peers/"]);
  const own = { name: "lb1", host: "10.0.0.1", port: 10_000, socket: undefined };
  const [alone] = shown.pairs(snapshots({ "haproxy/peers/": [] }), own) ?? [];
  expect(alone).toMatchObject({ key: "/haproxy/peers/lb1", value: '{"name":"lb1","host":"10.0.0.1","port":10000}' });
  const foreign = snapshots({
    "haproxy/peers/": [pair("haproxy/peers/lb1", "of somebody else"), pair("haproxy/peers/lb2")],
  });
  const both = shown.pairs(foreign, { ...own }) ?? [];
  expect(both.map(({ key }) => key)).toEqual(["/haproxy/peers/lb1", "/haproxy/peers/lb2"]);
  expect(both[0]).toBe(alone);
  const [moved] = shown.pairs(foreign, { ...own, port: 10_001 }) ?? [];
  expect(moved?.value).toContain("10001");
});
