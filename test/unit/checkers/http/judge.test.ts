import { describe, expect, test } from "vitest";
import { type HttpRules, judge, readsDocument } from "../../../../checkers/http/judge.ts";
import { parseStatuses } from "../../../../checkers/http/statuses.ts";
import { parseReductions } from "../../../../checkers/http/weight.ts";

const RULES: HttpRules = {
  up: parseStatuses("200-299", ""),
  drain: parseStatuses("503", ""),
  unknown: parseStatuses("401,403", ""),
  statePath: undefined,
  stateOf: (word) => (word === "ready" ? "up" : word === "drain" ? "drain" : "down"),
  reductions: [],
  maxconnPath: undefined,
};

describe("a status code means", () => {
  test.each([
    [200, "up"],
    [204, "up"],
    [299, "up"],
    [300, "down"],
    [301, "down"],
    [401, "unknown"],
    [402, "down"],
    [403, "unknown"],
    [404, "down"],
    [500, "down"],
    [503, "drain"],
  ])("%d: %s", (status, state) => {
    expect(judge({ status, body: "" }, RULES)).toEqual({ state, reason: `it answers ${status}` });
  });

  test("the weaker of two when it is in two lists", () => {
    const all = parseStatuses("100-599", "");
    expect(judge({ status: 200, body: "" }, { ...RULES, up: all, drain: all, unknown: all }).state).toBe("unknown");
    expect(judge({ status: 200, body: "" }, { ...RULES, up: all, drain: all }).state).toBe("drain");
  });
});

describe("a document", () => {
  const rules: HttpRules = {
    ...RULES,
    statePath: ["health", "state"],
    reductions: parseReductions("load:0.5", ""),
    maxconnPath: ["slots"],
  };
  const say = (document: unknown, more: Partial<HttpRules> = {}) =>
    judge({ status: 200, body: JSON.stringify(document) }, { ...rules, ...more });
  const word = (state: unknown) => say({ health: { state } }, { reductions: [], maxconnPath: undefined });

  test("gives state, weight and maxconn", () => {
    expect(say({ health: { state: "READY" }, load: 0.5, slots: 20 })).toEqual({
      state: "up",
      reason: "it answers 200",
      weightPercent: 75,
      maxconn: 20,
    });
  });

  test("whose word means drain, or nothing that is known", () => {
    expect(word(" Drain\n")).toEqual({ state: "drain", reason: 'it says "Drain"' });
    expect(word("busy")).toEqual({ state: "down", reason: 'it says "busy"' });
    expect(word(true)).toEqual({ state: "down", reason: 'it says "true"' });
    expect(word(0)).toEqual({ state: "down", reason: 'it says "0"' });
  });

  test("shows no more of its word than a line can bear", () => {
    expect(word("out\r\nof \x1b[31morder").reason).toBe('it says "out of  [31morder"');
    expect(word("x".repeat(1_000)).reason).toBe(`it says "${"x".repeat(37)}..."`);
  });

  test("may take no connections: to HAProxy maxconn:0 would mean any number", () => {
    const none = { health: { state: "ready" }, load: 0, slots: 0 };
    expect(say(none)).toEqual({ state: "drain", reason: "its slots is 0" });
  });

  test.each([-1, 1.5, "20", null, 2 ** 31])("whose maxconn is %j does not say what it should", (slots) => {
    expect(() => say({ health: { state: "ready" }, load: 0, slots })).toThrow(
      "its slots is not a number of connections",
    );
  });

  test("that does not say what it should is told in words", () => {
    expect(() => judge({ status: 200, body: "<html>" }, rules)).toThrow("its answer is not JSON");
    expect(() => judge({ status: 200, body: "" }, rules)).toThrow("its answer is not JSON");
    expect(() => judge({ status: 200, body: '{"health":' }, rules)).toThrow("its answer is not JSON");
    for (const empty of [{}, [], null, 5, { health: null }, { health: { state: {} } }]) {
      expect(() => say(empty)).toThrow("its answer has no health.state");
    }
    expect(() => say({ health: { state: "ready" } })).toThrow("its load is not a number");
  });

  test("may begin with a byte order mark", () => {
    expect(judge({ status: 200, body: '\uFEFF{"health":{"state":"drain"}}' }, rules).state).toBe("drain");
  });

  test("is not looked at when the code says all", () => {
    expect(judge({ status: 500, body: "<html>" }, rules)).toEqual({ state: "down", reason: "it answers 500" });
    expect(judge({ status: 503, body: "<html>" }, rules)).toEqual({ state: "drain", reason: "it answers 503" });
  });

  test("is needed for a word, a weight or a maxconn, and for nothing else", () => {
    expect(readsDocument(RULES)).toBe(false);
    const { statePath, reductions, maxconnPath } = rules;
    for (const one of [{ statePath }, { reductions }, { maxconnPath }]) {
      expect(readsDocument({ ...RULES, ...one })).toBe(true);
    }
  });
});
