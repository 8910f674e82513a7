import { describe, expect, test } from "vitest";
import { parseReply } from "../../../src/core/agent-grammar.ts";
import { type AgentMoment, type AgentRules, agentLine } from "../../../src/core/agent-line.ts";
import type { Order } from "../../../src/core/order.ts";
import type { Standing } from "../../../src/core/standing.ts";

const RULES: AgentRules = {
  staleAfterMs: 5_000,
  onStarting: "",
  onStale: "down #stale",
  onUnknown: "",
  onStopping: "",
};

const GOOD: Standing = {
  name: "10.0.0.5:3301",
  health: "up",
  verdict: { state: "up", reason: "fine" },
  judgedMs: 100_000,
  weightPercent: undefined,
  maxconn: undefined,
  held: undefined,
};
const DOWN: Partial<Standing> = { health: "down", verdict: { state: "down", reason: "connection refused" } };
const MAINT: Order = { state: "maint", reason: "new disk", by: "eva", sinceMs: 0, untilMs: undefined };
const DRAIN: Order = { ...MAINT, state: "drain" };

function say(
  standing: Partial<Standing> | undefined,
  moment: Partial<AgentMoment> = {},
  rules: Partial<AgentRules> = {},
): string {
  const seen = standing === undefined ? undefined : { ...GOOD, ...standing };
  const base = { order: undefined, owesReady: false, stopping: false, nowMs: 100_500, standing: seen };
  return agentLine({ ...base, ...moment }, { ...RULES, ...rules }).text;
}

describe("of a server that is known, the agent says", () => {
  test.each<[string, string, Partial<Standing>]>([
    ["up", "up", {}],
    ["its weight when the check gives one", "75% up", { weightPercent: 75 }],
    ["its weight in whole percent", "33% up", { weightPercent: 33.4 }],
    ["its maxconn too", "maxconn:10 75% up", { weightPercent: 75, maxconn: 10 }],
    [
      "up while one failed probe is not enough",
      "40% up",
      { verdict: { state: "down", reason: "x" }, weightPercent: 40 },
    ],
    ["down and why", "down #connection refused", DOWN],
    ["down while good probes are not enough", "down #it has not been well for long enough", { health: "down" }],
    ["drain, with up, without which a server that was down stays down", "drain up", { health: "drain" }],
    [
      "down for one that is held, whatever it answers",
      "down #it was gone; held until somebody says recover",
      { held: "it was gone" },
    ],
  ])("%s: %s", (_, line, standing) => {
    expect(say(standing)).toBe(line);
  });

  test("a reason in one short printable line", () => {
    const reason = `Zugriff verweigert\nüber ${"x".repeat(200)}\u0000`;
    const line = say({ health: "down", verdict: { state: "down", reason } });
    expect(line).toMatch(/^down #Zugriff verweigert ber x+\.\.\.$/);
    expect(line.length).toBe("down #".length + 80);
  });
});

describe("where there is no verdict to go by, the agent says what it was told to say", () => {
  const told = { onStarting: "down #a", onStale: "down #b", onUnknown: "down #c", onStopping: "down #d" };
  test.each<[string, Partial<Standing> | undefined, Partial<AgentMoment>, string, string]>([
    ["before any server is known", undefined, {}, "", "down #a"],
    ["before the first verdict", { health: "unseen", verdict: undefined }, {}, "", "down #a"],
    [
      "while the first failures are not enough",
      { health: "unseen", verdict: { state: "down", reason: "x" } },
      {},
      "",
      "down #a",
    ],
    [
      "when the first verdict is that it could not tell",
      { health: "unseen", verdict: { state: "unknown", reason: "x" } },
      {},
      "",
      "down #c",
    ],
    ["when the check cannot tell any more", { verdict: { state: "unknown", reason: "x" } }, {}, "", "down #c"],
    ["when the last verdict is too old", {}, { nowMs: 105_001 }, "down #stale", "down #b"],
    ["at the end", {}, { stopping: true }, "", "down #d"],
  ])("%s", (_, standing, moment, byDefault, whenTold) => {
    expect(say(standing, moment)).toBe(byDefault);
    expect(say(standing, moment, told)).toBe(whenTold);
  });

  test("a verdict as old as allowed still counts", () => {
    expect(say({}, { nowMs: 105_000 })).toBe("up");
  });
});

describe("an order by hand", () => {
  test("to maintain beats all else", () => {
    for (const standing of [undefined, GOOD, DOWN])
      expect(say(standing, { order: MAINT })).toBe("maint #new disk (eva)");
    expect(say({}, { order: MAINT, stopping: true })).toBe("maint #new disk (eva)");
  });

  test("to drain goes with what is known of the server", () => {
    expect(say({}, { order: DRAIN })).toBe("drain up");
    expect(say({ weightPercent: 50 }, { order: DRAIN })).toBe("drain 50% up");
    expect(say(DOWN, { order: DRAIN })).toBe("drain down #connection refused");
    expect(say({}, { order: DRAIN, nowMs: 200_000 })).toBe("drain down #stale");
    expect(say(undefined, { order: DRAIN })).toBe("drain");
    expect(say({ health: "drain" }, { order: DRAIN })).toBe("drain up");
    expect(say({}, { order: DRAIN, nowMs: 200_000 }, { onStale: "ready up" })).toBe("drain");
  });

  test("without a reason or a name is as good", () => {
    expect(say({}, { order: { ...MAINT, reason: undefined } })).toBe("maint #by eva");
    expect(say({}, { order: { ...MAINT, reason: undefined, by: undefined } })).toBe("maint");
  });
});

describe("ready", () => {
  const UNSURE: Partial<Standing> = { verdict: { state: "unknown", reason: "access denied" } };

  test("is said only to whom it is owed, and never with a drain or maint", () => {
    expect(say({}, { owesReady: true })).toBe("ready up");
    expect(say(DOWN, { owesReady: true })).toBe("ready down #connection refused");
    expect(say({ weightPercent: 20 }, { owesReady: true })).toBe("ready 20% up");
    expect(say({}, { owesReady: true, order: MAINT })).toBe("maint #new disk (eva)");
    expect(say({ health: "drain" }, { owesReady: true })).toBe("drain up");
    expect(say({}, { owesReady: true, nowMs: 200_000 }, { onStale: "ready down" })).toBe("ready down");
  });

  test.each<[string, Partial<Standing> | undefined, Partial<AgentMoment>, Partial<AgentRules>, string]>([
    ["before the first verdict", undefined, {}, {}, ""],
    ["before the first verdict that counts", { health: "unseen" }, {}, { onStarting: "down" }, "down"],
    ["while a server that drained cannot be judged", { ...UNSURE, health: "drain" }, {}, {}, ""],
    [
      "while a server that drained is not looked at any more",
      { health: "drain" },
      { nowMs: 200_000 },
      {},
      "down #stale",
    ],
    ["at the end of the agent of a server that drains", { health: "drain" }, { stopping: true }, {}, ""],
  ])("is not said %s, since the server may have to drain", (_, standing, moment, rules, line) => {
    expect(say(standing, { owesReady: true, ...moment }, rules)).toBe(line);
  });

  test("is said even where nothing else is, when the server was well and an order by hand has ended", () => {
    expect(say(UNSURE, { owesReady: true })).toBe("ready");
    expect(say({}, { owesReady: true, stopping: true })).toBe("ready");
  });
});

test("what an answer means for sessions is told with it", () => {
  const traffic = (seen: Partial<Standing> | undefined, moment: Partial<AgentMoment> = {}, onStopping = "") => {
    const standing = seen === undefined ? undefined : { ...GOOD, ...seen };
    const base = { order: undefined, owesReady: false, stopping: false, nowMs: 100_500, standing };
    return agentLine({ ...base, ...moment }, { ...RULES, onStopping }).traffic;
  };
  expect(traffic({})).toBe("admitted");
  expect(traffic(DOWN)).toBe("admitted");
  expect(traffic({ health: "drain" })).toBe("withheld");
  expect(traffic({}, { order: DRAIN })).toBe("withheld");
  expect(traffic(undefined, { order: MAINT })).toBe("withheld");
  expect(traffic({}, { stopping: true }, "drain")).toBe("withheld");
  expect(traffic({}, { stopping: true }, "down #drain of the machine")).toBe("admitted");
  expect(traffic({ health: "down", verdict: { state: "down", reason: "drain me" } })).toBe("admitted");
  expect(traffic(undefined)).toBe(undefined);
  expect(traffic({ health: "unseen" })).toBe(undefined);
  expect(traffic({ health: "drain" }, { stopping: true })).toBe(undefined);
});

test("every line is one that HAProxy understands whole", () => {
  for (const standing of [
    undefined,
    GOOD,
    { ...GOOD, ...DOWN },
    { ...GOOD, health: "drain" as const, weightPercent: 3 },
  ]) {
    for (const order of [undefined, MAINT, DRAIN]) {
      for (const owesReady of [true, false]) {
        const { text } = agentLine({ standing, order, owesReady, stopping: false, nowMs: 100_500 }, RULES);
        expect(parseReply(text).unknown).toEqual([]);
        expect(text).toMatch(/^[\x20-\x7e]*$/);
      }
    }
  }
});
