import { describe, expect, test } from "vitest";
import { decide } from "../../../src/core/decide.ts";
import type { Candidate, Situation } from "../../../src/core/policy.ts";
import { type Published, readPublished } from "../../../src/core/published.ts";

const CALM: Situation = {
  contested: false,
  patient: true,
  rules: { publish: "one", minServers: 0, fallback: "keep" },
};
const ABSENT: Published = { state: "absent" };

function candidate(port: number, health: Candidate["health"], more: Partial<Candidate> = {}): Candidate {
  return {
    target: { host: "10.0.0.1", port },
    health,
    justSeenUp: health === "up",
    latest: health === "unseen" ? undefined : health,
    asking: false,
    proven: health === "up",
    recovering: false,
    ...more,
  };
}

function entry(port: number): Published {
  return readPublished(JSON.stringify({ name: "t", host: "10.0.0.1", port, proxyport: 9000 }));
}

/** `publish 2`, `keep 1`, `leave none-up`, `wait` */
function decision(candidates: readonly Candidate[], published: Published, situation: Partial<Situation> = {}): string {
  const decided = decide(candidates, published, { ...CALM, ...situation });
  if (decided.action === "publish" || decided.action === "keep") return `${decided.action} ${decided.target.port}`;
  return decided.action === "leave" ? `leave ${decided.because}` : decided.action;
}

describe("the policy", () => {
  test.each<[string, Candidate[], Published, string]>([
    ["a published server that is up stays", [candidate(1, "up"), candidate(2, "up")], entry(2), "keep 2"],
    [
      "it stays though its last probe was lost",
      [candidate(1, "up"), candidate(2, "up", { justSeenUp: false })],
      entry(2),
      "keep 2",
    ],
    ["it stays while nobody could ask it yet", [candidate(1, "up"), candidate(2, "unseen")], entry(2), "keep 2"],
    ["the first in order comes back: no failback", [candidate(1, "up"), candidate(2, "up")], entry(2), "keep 2"],
    ["a published server that is down is replaced", [candidate(1, "down"), candidate(2, "up")], entry(1), "publish 2"],
    [
      "the first healthy one in order replaces it",
      [candidate(1, "down"), candidate(2, "up"), candidate(3, "up")],
      entry(1),
      "publish 2",
    ],
    ["a draining server is replaced", [candidate(1, "drain"), candidate(2, "up")], entry(1), "publish 2"],
    ["a draining server is not published", [candidate(1, "down"), candidate(2, "drain")], entry(1), "leave none-up"],
    ["nobody alive: the entry is left alone", [candidate(1, "down"), candidate(2, "down")], entry(1), "leave none-up"],
    ["nobody alive and nothing published", [candidate(1, "down")], ABSENT, "leave none-up"],
    ["no server at all", [], ABSENT, "leave none-up"],
    ["nothing published: the first healthy one", [candidate(1, "up"), candidate(2, "up")], ABSENT, "publish 1"],
    [
      "nothing published: an earlier one that is being asked is waited for",
      [candidate(1, "unseen", { asking: true }), candidate(2, "up")],
      ABSENT,
      "wait",
    ],
    [
      "nothing published: an earlier one that nobody can tell of is not waited for",
      [candidate(1, "unseen"), candidate(2, "up")],
      ABSENT,
      "publish 2",
    ],
    [
      "nothing published: a later one that is being asked is not waited for",
      [candidate(1, "up"), candidate(2, "unseen", { asking: true })],
      ABSENT,
      "publish 1",
    ],
    [
      "the published one is down: whoever answers first is taken",
      [candidate(1, "up", { justSeenUp: false, asking: true }), candidate(2, "up"), candidate(3, "down")],
      entry(3),
      "publish 2",
    ],
    [
      "the published one failed and is being asked again: it may be back",
      [candidate(1, "up"), candidate(2, "down", { asking: true })],
      entry(2),
      "wait",
    ],
    [
      "one that was healthy just now and is being asked is not published before it answers",
      [candidate(1, "up", { asking: true }), candidate(2, "down")],
      entry(2),
      "wait",
    ],
    ["nor if nothing is published", [candidate(1, "up", { asking: true }), candidate(2, "up")], ABSENT, "wait"],
    [
      "whoever has answered is taken before it",
      [candidate(1, "up", { asking: true }), candidate(2, "up"), candidate(3, "down")],
      entry(3),
      "publish 2",
    ],
    [
      "one that was healthy some time ago is asked before it is published",
      [candidate(1, "down"), candidate(2, "up", { justSeenUp: false, asking: true })],
      entry(1),
      "wait",
    ],
    [
      "one that was healthy and cannot be told of now is not published",
      [candidate(1, "down"), candidate(2, "up", { justSeenUp: false })],
      entry(1),
      "leave none-up",
    ],
    ["a published server that is not among the targets is replaced", [candidate(1, "up")], entry(7), "publish 1"],
    ["it is left alone while nobody is healthy", [candidate(1, "down")], entry(7), "leave none-up"],
    ["a value that is no entry is replaced", [candidate(1, "up")], readPublished("{"), "publish 1"],
    [
      "a value that is no entry is left alone while nobody is healthy",
      [candidate(1, "down")],
      readPublished("{"),
      "leave none-up",
    ],
  ])("%s", (_, candidates, published, expected) => {
    expect(decision(candidates, published)).toBe(expected);
  });

  test("a published server that failed and is asked again is not waited for without end", () => {
    const candidates = [candidate(1, "up"), candidate(2, "down", { asking: true })];
    expect(decision(candidates, entry(2), { patient: false })).toBe("publish 1");
  });

  test("a foreign server that comes back after it was replaced is left alone: two checkers with different lists do not fight", () => {
    expect(decision([candidate(1, "up")], entry(7), { contested: true })).toBe("leave foreign-again");
  });

  test("a failed server that somebody else publishes again is left alone: he sees it differently", () => {
    expect(decision([candidate(1, "up"), candidate(2, "down")], entry(2), { contested: true })).toBe(
      "leave failed-again",
    );
  });

  test.each<[string, Candidate[], Published, string]>([
    ["down", [candidate(1, "down"), candidate(2, "up")], entry(1), "10.0.0.1:1 is down"],
    ["drain", [candidate(1, "drain"), candidate(2, "up")], entry(1), "10.0.0.1:1 is draining"],
    ["absent", [candidate(2, "up")], ABSENT, "nothing is published"],
    ["foreign", [candidate(2, "up")], entry(7), "10.0.0.1:7 is published but is not among the servers"],
    ["malformed", [candidate(2, "up")], readPublished("x"), "the published value is no entry: it is not JSON"],
  ])("says why it publishes: %s", (_, candidates, published, because) => {
    expect(decide(candidates, published, CALM)).toMatchObject({ action: "publish", because });
  });
});
