import { describe, expect, test } from "vitest";
import type { PeersSection } from "../../../src/core/peers.ts";
import type { LocalNames } from "../../../src/render/local-peer.ts";
import { judgePeers } from "../../../src/render/peers-guard.ts";

const LOCAL: LocalNames = { names: ["lb1"], from: "settings", certain: true };
const HEARD: LocalNames = { names: ["lb1"], from: "haproxy", certain: true };

function section(...peers: readonly string[]): PeersSection {
  return { name: "lbs", isConditional: false, peers, hasLocal: false, hasUnknown: false };
}

function judged(sections: readonly PeersSection[], local: LocalNames = LOCAL, localPeer?: string) {
  return judgePeers({ localPeer, sections }, local)?.reason;
}

const LOST = "a reload would lose the stick table";

describe("a file that would lose the stick table is held back", () => {
  test("the local peer is not in it", () => {
    expect(judged([section("lb2", "lb3")])).toBe(
      `lb1, the local peer of this HAProxy, is not in its peers section "lbs" (there: lb2, lb3): ${LOST}`,
    );
  });
  test("there is no peer at all", () => {
    expect(judged([section()])).toBe(`the peers section "lbs" has no peer at all: ${LOST}`);
  });
  test("there is no peers section at all", () => {
    expect(judged([])).toMatch(/^the file has no peers section/);
  });
  test("of two sections the second one has it not", () => {
    expect(judged([section("lb1"), { ...section("lb2"), name: "more" }])).toMatch(/peers section "more"/);
  });
  test("of two HAProxies that read the file one has it not", () => {
    expect(judged([section("lb1", "lb3")], { ...HEARD, names: ["lb1", "lb2"] })).toMatch(/^lb2, the local peer/);
  });
  test("the file gives its HAProxy another name than it goes by", () => {
    expect(judged([section("lb1")], HEARD, "lb9")).toMatch(/^lb9, the local peer/);
    expect(judged([section("lb9")], HEARD, "lb9")).toMatch(/^lb1, the local peer/);
  });
  test("sections inside of .if have it in none", () => {
    expect(judged([{ ...section("lb2"), isConditional: true }])).toMatch(/^lb1, the local peer/);
  });
  test.each(["settings", "haproxy", "host name"] as const)("by %s: what to do is said", (from) => {
    expect(judgePeers({ localPeer: undefined, sections: [section("lb2")] }, { ...LOCAL, from })?.hint).toBeTruthy();
  });
});

describe("a file that keeps it goes through", () => {
  test.each([
    ["the local peer is in it", [section("lb1", "lb2")]],
    ["it is alone", [section("lb1")]],
    ["it is there by its variable", [{ ...section("lb2"), hasLocal: true }]],
    ["a name depends on the environment", [{ ...section("lb2"), hasUnknown: true }]],
    [
      "one of the sections inside of .if has it",
      [section("lb2"), section("lb1")].map((one) => ({ ...one, isConditional: true })),
    ],
    ["a section inside of .if beside it has it not", [section("lb1"), { ...section("lb2"), isConditional: true }]],
  ])("%s", (_, sections) => {
    expect(judged(sections)).toBeUndefined();
  });
  test("a person's word counts before the file's", () => {
    expect(judged([section("lb1")], LOCAL, "lb9")).toBeUndefined();
  });
  test("the file's word counts before the host name", () => {
    const host: LocalNames = { names: ["box"], from: "host name", certain: true };
    expect(judged([section("lb9")], host, "lb9")).toBeUndefined();
    expect(judged([section("box")], host)).toBeUndefined();
  });
});
