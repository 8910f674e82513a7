import { describe, expect, test } from "vitest";
import { compareRanks } from "../../../src/core/choosing.ts";
import { decide } from "../../../src/core/decide.ts";
import type { Candidate, Rules } from "../../../src/core/policy.ts";
import { type Published, readPublished } from "../../../src/core/published.ts";

const ONE: Rules = { publish: "one", minServers: 0, fallback: "keep" };
const ALL: Rules = { ...ONE, publish: "all" };
const ABSENT: Published = { state: "absent" };

function candidate(port: number, health: Candidate["health"], more: Partial<Candidate> = {}): Candidate {
  const target = { host: "h", port };
  return {
    target,
    health,
    latest: health === "unseen" ? undefined : health,
    justSeenUp: health === "up",
    asking: false,
    recovering: false,
    proven: health === "up",
    ...more,
  };
}

function master(health: Candidate["health"], more: Partial<Candidate> = {}): Candidate {
  return candidate(9, health, { ...more, target: { host: "h", port: 9, lastResort: true } });
}

/** `entry(2, 1, 3)`: 2 is the first choice of three. */
function entry(...ports: number[]): Published {
  const [port] = ports;
  const servers = ports.length > 1 ? { servers: ports.map((each) => ({ host: "h", port: each })) } : {};
  return readPublished(JSON.stringify({ name: "t", host: "h", port, proxyport: 9000, ...servers }));
}

/** `publish 2 of 1,2`: what is decided, its first choice and all servers in order. */
function decision(candidates: readonly Candidate[], published: Published, rules: Rules): string {
  const decided = decide(candidates, published, { contested: false, patient: true, rules });
  if (decided.action === "publish") {
    return `publish ${decided.target.port} of ${decided.servers.map(({ port }) => port).join()}`;
  }
  if (decided.action === "keep") return `keep ${decided.target.port}`;
  return decided.action === "leave" ? `leave ${decided.because}` : decided.action;
}

type Row = readonly [string, readonly Candidate[], Published, string];

describe("one server is published", () => {
  test.each<Row>([
    [
      "the least lag first",
      [candidate(1, "up", { rank: [7] }), candidate(2, "up", { rank: [0] }), candidate(3, "up", { rank: [2] })],
      ABSENT,
      "publish 2 of 2",
    ],
    [
      "of two with the same lag the first in order",
      [candidate(1, "up", { rank: [3] }), candidate(2, "up", { rank: [1] }), candidate(3, "up", { rank: [1] })],
      ABSENT,
      "publish 2 of 2",
    ],
    [
      "a published one stays though another lags less",
      [candidate(1, "up", { rank: [0] }), candidate(2, "up", { rank: [20] })],
      entry(2),
      "keep 2",
    ],
    [
      "nothing published: a later one that may lag less is waited for",
      [candidate(1, "up", { rank: [3] }), candidate(2, "unseen", { asking: true })],
      ABSENT,
      "wait",
    ],
    [
      "the published one is down: nobody is waited for, the best of those ready is taken",
      [
        candidate(1, "down"),
        candidate(2, "up", { rank: [5] }),
        candidate(3, "up", { rank: [1] }),
        candidate(4, "up", { asking: true, rank: [0] }),
      ],
      entry(1),
      "publish 3 of 3",
    ],
    ["a healthy replica comes before the last resort", [candidate(1, "up"), master("up")], ABSENT, "publish 1 of 1"],
    ["wherever the last resort is listed", [master("up"), candidate(1, "up")], ABSENT, "publish 1 of 1"],
    ["no replica healthy: the last resort", [candidate(1, "down"), master("up")], entry(1), "publish 9 of 9"],
    [
      "not while a replica may be healthy in a moment",
      [candidate(1, "down"), candidate(2, "unseen", { asking: true }), master("up")],
      entry(1),
      "wait",
    ],
    ["the last resort stays while no replica is healthy", [candidate(1, "down"), master("up")], entry(9), "keep 9"],
    [
      "and while a replica has not been healthy for long enough",
      [candidate(1, "up", { proven: false }), master("up")],
      entry(9),
      "keep 9",
    ],
    ["back to a replica that has been", [candidate(1, "up"), master("up")], entry(9), "publish 1 of 1"],
    [
      "back to the one that lags least",
      [candidate(1, "up", { rank: [4] }), candidate(2, "up", { rank: [0] }), master("up")],
      entry(9),
      "publish 2 of 2",
    ],
    [
      "not before it was asked once more, if its answer is old",
      [candidate(1, "up", { justSeenUp: false, asking: true }), master("up")],
      entry(9),
      "wait",
    ],
    [
      "the last resort is down: a replica at once, proven or not",
      [candidate(1, "up", { proven: false }), master("down")],
      entry(9),
      "publish 1 of 1",
    ],
    [
      "a published server that is on its way back stays: whoever published it has seen more of it",
      [candidate(1, "up"), candidate(2, "down", { recovering: true })],
      entry(2),
      "keep 2",
    ],
    [
      "one that is on its way back is not published before it has come",
      [candidate(1, "down"), candidate(2, "down", { recovering: true })],
      entry(1),
      "leave none-up",
    ],
    ["all down, the last resort too", [candidate(1, "down"), master("down")], entry(1), "leave none-up"],
    [
      "a list that was left behind is cut down to its first",
      [candidate(1, "up"), candidate(2, "up")],
      entry(2, 1),
      "publish 2 of 2",
    ],
  ])("%s", (_, candidates, published, expected) => {
    expect(decision(candidates, published, ONE)).toBe(expected);
  });
});

describe("all servers are published", () => {
  test.each<Row>([
    ["every healthy one, in order", [candidate(1, "up"), candidate(2, "up")], ABSENT, "publish 1 of 1,2"],
    [
      "the first choice is the one that lags least",
      [candidate(1, "up", { rank: [3] }), candidate(2, "up", { rank: [0] })],
      ABSENT,
      "publish 2 of 1,2",
    ],
    [
      "the first choice stays",
      [candidate(1, "up", { rank: [0] }), candidate(2, "up", { rank: [3] })],
      entry(2, 1),
      "keep 2",
    ],
    [
      "the order of the others does not matter",
      [candidate(1, "up"), candidate(2, "up"), candidate(3, "up")],
      entry(2, 3, 1),
      "keep 2",
    ],
    [
      "one that failed leaves",
      [candidate(1, "down"), candidate(2, "up"), candidate(3, "up")],
      entry(1, 2, 3),
      "publish 2 of 2,3",
    ],
    ["one that is healthy joins", [candidate(1, "up"), candidate(2, "up")], entry(1), "publish 1 of 1,2"],
    [
      "one whose answer is old is asked before it joins",
      [candidate(1, "up"), candidate(2, "up", { justSeenUp: false, asking: true })],
      entry(1),
      "wait",
    ],
    [
      "one that has not answered yet stays if it is published",
      [candidate(1, "up"), candidate(2, "unseen", { asking: true })],
      entry(1, 2),
      "keep 1",
    ],
    [
      "at the start all answers are waited for",
      [candidate(1, "up"), candidate(2, "unseen", { asking: true })],
      ABSENT,
      "wait",
    ],
    [
      "later nobody is waited for",
      [candidate(1, "down"), candidate(2, "up"), candidate(3, "unseen", { asking: true })],
      entry(1),
      "publish 2 of 2",
    ],
    ["the last resort is not in the list", [candidate(1, "up"), master("up")], ABSENT, "publish 1 of 1"],
    [
      "it serves alone while there is no other",
      [candidate(1, "down"), candidate(2, "down"), master("up")],
      entry(1, 2),
      "publish 9 of 9",
    ],
    [
      "it stays until another has been healthy for long enough",
      [candidate(1, "up", { proven: false }), master("up")],
      entry(9),
      "keep 9",
    ],
    [
      "and leaves then",
      [candidate(1, "up"), candidate(2, "up", { proven: false }), master("up")],
      entry(9),
      "publish 1 of 1",
    ],
    ["none healthy", [candidate(1, "down"), candidate(2, "drain")], entry(1, 2), "leave none-up"],
    ["a server that is not ours leaves", [candidate(1, "up")], entry(1, 7), "publish 1 of 1"],
    [
      "lagging ones are left out",
      [candidate(1, "up"), candidate(2, "down", { makeshift: [40] })],
      entry(1, 2),
      "publish 1 of 1",
    ],
  ])("%s", (_, candidates, published, expected) => {
    expect(decision(candidates, published, ALL)).toBe(expected);
  });

  test.each<Row>([
    [
      "enough healthy ones: no lagging one",
      [candidate(1, "up"), candidate(2, "up"), candidate(3, "down", { makeshift: [40] })],
      entry(1, 2),
      "keep 1",
    ],
    [
      "too few: the one that lags least as well",
      [candidate(1, "up"), candidate(2, "down", { makeshift: [90] }), candidate(3, "down", { makeshift: [40] })],
      entry(1),
      "publish 1 of 1,3",
    ],
    [
      "who is published already stays, whichever lags more at the moment",
      [candidate(1, "up"), candidate(2, "down", { makeshift: [90] }), candidate(3, "down", { makeshift: [40] })],
      entry(1, 2),
      "keep 1",
    ],
    [
      "one that lags is not the first choice while a healthy one is there",
      [candidate(1, "down", { makeshift: [40] }), candidate(2, "up")],
      entry(1, 2),
      "publish 2 of 1,2",
    ],
    [
      "lagging ones come before the last resort",
      [candidate(1, "down", { makeshift: [40] }), candidate(2, "down", { makeshift: [50] }), master("up")],
      entry(1),
      "publish 1 of 1,2",
    ],
    [
      "one that is down for another reason never fills up",
      [candidate(1, "up"), candidate(2, "down")],
      entry(1),
      "keep 1",
    ],
  ])("at least two are wanted: %s", (_, candidates, published, expected) => {
    expect(decision(candidates, published, { ...ALL, minServers: 2 })).toBe(expected);
  });

  test("a list is not fought over with somebody who publishes another one", () => {
    const decided = decide([candidate(1, "up"), candidate(2, "up")], entry(1), {
      contested: true,
      patient: true,
      rules: ALL,
    });
    expect(decided).toEqual({ action: "leave", because: "failed-again" });
  });
});

describe("nobody is healthy and the entry is to be removed then", () => {
  const REMOVE: Rules = { ...ONE, fallback: "remove" };
  test.each<Row>([
    ["all have failed", [candidate(1, "down"), candidate(2, "drain")], entry(1), "remove"],
    ["nothing is published", [candidate(1, "down")], ABSENT, "leave none-up"],
    ["a value that is no entry goes too", [candidate(1, "down")], readPublished("x"), "remove"],
    [
      "of one it cannot be told: nothing changes",
      [candidate(1, "down"), candidate(2, "unseen")],
      entry(1),
      "leave none-up",
    ],
    ["no server is known: nothing changes", [], entry(1), "leave none-up"],
    [
      "one said something better last",
      [candidate(1, "down"), candidate(2, "down", { latest: "up" })],
      entry(1),
      "leave none-up",
    ],
    [
      "of one that had failed it cannot be told now",
      [candidate(1, "down"), candidate(2, "down", { latest: "unknown" })],
      entry(1),
      "leave none-up",
    ],
    ["one is being asked", [candidate(1, "down"), candidate(2, "down", { asking: true })], entry(1), "leave none-up"],
    ["the published one is asked again and may be back", [candidate(1, "down", { asking: true })], entry(1), "wait"],
    ["the last resort is up", [candidate(1, "down"), master("up")], entry(1), "publish 9 of 9"],
  ])("%s", (_, candidates, published, expected) => {
    expect(decision(candidates, published, REMOVE)).toBe(expected);
  });
});

describe("ranks", () => {
  test.each([
    [[1], [2], -1],
    [[2, 0], [1, 9], 1],
    [[1, 5], [1, 7], -2],
    [[1], [1, 0], 0],
    [undefined, [0], 0],
    [undefined, undefined, 0],
  ])("%j against %j", (a, b, expected) => {
    expect(compareRanks(a, b)).toBe(expected);
  });
});
