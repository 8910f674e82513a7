import { describe, expect, test } from "vitest";
import type { GroupStatus, ServerStatus } from "../../../src/core/status.ts";
import { countConditions, judgeAll, worstFirst } from "../../../src/observe/status-judgement.ts";
import { groupStatus, serverStatus } from "./status-groups.ts";

function judged(more: Partial<GroupStatus>) {
  const [first] = judgeAll([groupStatus(more)]);
  return first;
}

function judge(more: Partial<GroupStatus>): string {
  const { condition, words } = judged(more)?.judgement ?? { condition: "", words: "" };
  return `${condition}: ${words}`;
}

const PUBLISHED = { published: true } as const;
const NOT_ASKED: Partial<ServerStatus> = { health: "unseen", reason: "not asked yet" };

describe("a tag is judged", () => {
  test.each<[string, Partial<GroupStatus>, string]>([
    ["good when all is well", {}, "good: 10.0.0.1:11211 is published"],
    [
      "good with several published",
      { published: ["a:1", "b:1"], servers: [serverStatus("a:1"), serverStatus("b:1")] },
      "good: a:1, b:1 are published",
    ],
    [
      "bad when nothing is published though a server is up",
      { published: [] },
      "bad: nothing is published, and 2 of 2 servers are up",
    ],
    [
      "bad when nothing is published and nobody is up",
      { published: [], servers: [serverStatus("a:1", { health: "down" })] },
      "bad: nothing is published, and the only server is not up",
    ],
    [
      "bad when the published server is down",
      { published: ["a:1"], servers: [serverStatus("a:1", { health: "down" }), serverStatus("b:1")] },
      "bad: a:1 is published but down",
    ],
    [
      "bad when the published server drains",
      { published: ["a:1"], servers: [serverStatus("a:1", { health: "drain" })] },
      "bad: a:1 is published but draining",
    ],
    [
      "bad when all of several published are down",
      { published: ["a:1", "b:1"], servers: ["a:1", "b:1"].map((name) => serverStatus(name, { health: "down" })) },
      "bad: a:1 is published but down; so it is with 1 more of the published",
    ],
    [
      "degraded when one of several published is down",
      { published: ["a:1", "b:1"], servers: [serverStatus("a:1"), serverStatus("b:1", { health: "down" })] },
      "degraded: b:1 is published but down",
    ],
    [
      "bad on a split brain, whatever is published",
      { split: true },
      "bad: split brain: only one can rightly be up, but 10.0.0.1:11211, 10.0.0.2:11211 are",
    ],
    [
      "good when only one can be up and is, whatever the others say",
      { exclusive: true, published: ["a:1"], servers: [serverStatus("a:1"), serverStatus("b:1", { health: "down" })] },
      "good: a:1 is published",
    ],
    [
      "degraded when the published server is a stranger",
      { published: ["z:1"] },
      "degraded: z:1 is published but not among the servers",
    ],
    [
      "degraded when nobody can tell how the published server is",
      { published: ["a:1"], servers: [serverStatus("a:1", { health: "unseen", reason: "access denied" })] },
      "degraded: a:1 is published but cannot be judged",
    ],
    [
      "degraded while the store does not answer",
      { storeReadable: false },
      "degraded: the store does not answer; it last named 10.0.0.1:11211",
    ],
    [
      "degraded when a server in reserve is lost",
      { servers: [serverStatus("10.0.0.1:11211", PUBLISHED), serverStatus("b:1", { health: "down" })] },
      "degraded: 10.0.0.1:11211 is published; 1 of 2 servers is up",
    ],
    [
      "waiting before the store has told anything",
      { published: undefined },
      "waiting: the store has not told yet what is published",
    ],
    ["waiting before any server is known", { published: [], servers: [] }, "waiting: no server is known yet"],
    [
      "waiting before the servers of a new tag were asked",
      { published: [], servers: [serverStatus("a:1", NOT_ASKED)] },
      "waiting: not asked yet: a:1",
    ],
    [
      "waiting while a server in reserve was not asked",
      { servers: [serverStatus("10.0.0.1:11211", PUBLISHED), serverStatus("b:1", NOT_ASKED)] },
      "waiting: not asked yet: b:1",
    ],
  ])("%s", (_, more, expected) => {
    expect(judge(more)).toBe(expected);
  });

  test("with a few names in words and the rest as a number", () => {
    const servers = ["a:1", "b:1", "c:1", "d:1", "e:1", "f:1"].map((name) => serverStatus(name));
    const published = servers.map(({ name }) => name);
    expect(judge({ published, servers })).toBe("good: a:1, b:1, c:1, d:1 and 2 more are published");
  });
});

describe("a tag is ready", () => {
  test.each<[string, Partial<GroupStatus>, string | undefined]>([
    ["when the entry was read and every server was asked", {}, undefined],
    [
      "though nothing is published and nobody is up",
      { published: [], servers: [serverStatus("a:1", { health: "down" })] },
      undefined,
    ],
    ["though the store is lost later", { storeReadable: false }, undefined],
    [
      "though no verdict could be had of a server",
      { servers: [serverStatus("a:1", { health: "unseen", reason: "denied" })] },
      undefined,
    ],
    ["not before the entry was read", { published: undefined }, "the store has not told yet what is published"],
    ["not before a server is known", { servers: [] }, "no server is known yet"],
    [
      "not before each server was asked",
      { servers: [serverStatus("a:1"), serverStatus("b:1", NOT_ASKED)] },
      "not asked yet: b:1",
    ],
  ])("%s", (_, more, expected) => {
    expect(judged(more)?.unready).toBe(expected);
  });
});

describe("the list", () => {
  const bad = { published: [] };
  const groups = [
    groupStatus({ kind: "redismaster", tag: "b" }),
    groupStatus({ kind: "memcached", tag: "m10" }),
    groupStatus({ kind: "redismaster", tag: "a", ...bad }),
    groupStatus({ kind: "memcached", tag: "m1", storeReadable: false }),
    groupStatus({ kind: "memcached", tag: "z", ...bad }),
  ];
  const names = (list: readonly { readonly group: GroupStatus }[]) =>
    list.map(({ group }) => `${group.kind} ${group.tag}`);

  test("is sorted by kind and tag", () => {
    expect(names(judgeAll(groups))).toEqual([
      "memcached m1",
      "memcached m10",
      "memcached z",
      "redismaster a",
      "redismaster b",
    ]);
  });

  test("has the worst first where a person reads it", () => {
    expect(names(worstFirst(judgeAll(groups)))).toEqual([
      "memcached z",
      "redismaster a",
      "memcached m1",
      "memcached m10",
      "redismaster b",
    ]);
  });

  test("is counted in words", () => {
    expect(countConditions(judgeAll(groups))).toBe("5 tags: 2 bad, 1 degraded, 2 good");
    expect(countConditions(judgeAll([groupStatus()]))).toBe("1 tag: 1 good");
    expect(countConditions([])).toBe("no tags yet");
  });
});

describe("a tag that only the agent port serves", () => {
  const alone = { publishes: false, published: undefined, storeReadable: false } as const;
  const down = { health: "down", reason: "connection refused" } as const;

  test.each([
    ["good with all servers up", [serverStatus("a:1"), serverStatus("b:1")], "good", "2 of 2 servers are up"],
    ["good with its only one", [serverStatus("a:1")], "good", "the only server is up"],
    ["degraded with one lost", [serverStatus("a:1"), serverStatus("b:1", down)], "degraded", "1 of 2 servers is up"],
    ["bad with none", [serverStatus("a:1", down)], "bad", "the only server is not up"],
    ["waiting before they were asked", [serverStatus("a:1", NOT_ASKED)], "waiting", "not asked yet: a:1"],
  ])("is %s", (_, servers, condition, words) => {
    const [judged] = judgeAll([groupStatus({ ...alone, servers })]);
    expect(judged?.judgement).toEqual({ condition, words });
  });

  test("is ready when its servers were asked", () => {
    expect(judgeAll([groupStatus({ ...alone, servers: [serverStatus("a:1", down)] })])[0]?.unready).toBeUndefined();
  });
});
