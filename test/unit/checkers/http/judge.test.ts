import { describe, expect, test } from "vitest";
import { type HttpRules, judge } from "../../../../checkers/http/judge.ts";
import { parseStatuses } from "../../../../checkers/http/statuses.ts";
import { parseReductions } from "../../../../checkers/http/weight.ts";
import { http } from "../../../../checkers/http.ts";
import { serviceContext } from "../../../support/service-context.ts";

const RULES: HttpRules = {
  up: parseStatuses("200-299", ""),
  drain: parseStatuses("503", ""),
  unknown: parseStatuses("401,403", ""),
  statePath: undefined,
  upWords: ["ready"],
  drainWords: ["drain"],
  otherWords: "down",
  reductions: [],
  maxconnPath: undefined,
};

describe("a status code means", () => {
  test.each([
    [200, "up"],
    [204, "up"],
    [299, "up"],
    [301, "down"],
    [401, "unknown"],
    [404, "down"],
    [500, "down"],
    [503, "drain"],
  ])("%d: %s", (status, state) => {
    expect(judge({ status, body: "" }, RULES)).toEqual({ state, reason: `it answers ${status}` });
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

  test("gives state, weight and maxconn", () => {
    expect(say({ health: { state: "READY" }, load: 0.5, slots: 20 })).toEqual({
      state: "up",
      reason: "it answers 200",
      weightPercent: 75,
      maxconn: 20,
    });
  });

  test("whose word means drain, or nothing that is known", () => {
    expect(say({ health: { state: "drain" } })).toEqual({ state: "drain", reason: 'it says "drain"' });
    expect(say({ health: { state: "busy" } })).toEqual({ state: "down", reason: 'it says "busy"' });
    expect(say({ health: { state: "busy" } }, { otherWords: "unknown" })).toMatchObject({ state: "unknown" });
  });

  test("that does not say what it should is told in words", () => {
    expect(() => judge({ status: 200, body: "<html>" }, rules)).toThrow("its answer is not JSON");
    expect(() => say({})).toThrow("its answer has no health.state");
    expect(() => say({ health: { state: "ready" } })).toThrow("its load is not a number");
    expect(() => say({ health: { state: "ready" }, load: 0, slots: -1 })).toThrow("its slots is no number");
  });

  test("is not looked at when the code says all", () => {
    expect(judge({ status: 500, body: "<html>" }, rules)).toEqual({ state: "down", reason: "it answers 500" });
  });
});

describe("options that cannot work are refused in one line:", () => {
  test.each([
    [{}, "--url must name a URL"],
    [{ url: "localhost:80" }, '--url: "localhost:80" is not a URL of HTTP'],
    [{ url: "http://u:p@h/" }, "--url: a password does not belong into a URL"],
    [{ url: "http://h:80/a,http://h/b" }, "--url: h:80 is named twice"],
    [{ url: "http://h/", up: "2xx" }, '--up: "2xx" is no status code'],
    [{ url: "http://h/", "state-path": "a..b" }, '--state-path: "a..b" is no path'],
    [{ url: "http://h/", "server-port": 70_000 }, "--server-port must be a port from 1 to 65535"],
    [{ url: "http://h/", header: "no colon" }, "header: write Name: value"],
    [{ url: "http://h/", "ssl-ca": "/no/such/file" }, "--ssl-ca: cannot read /no/such/file"],
  ])("%j", (options, message) => {
    expect(() => http.create(options, serviceContext())).toThrow(expect.objectContaining({ message }));
  });

  test("a password in a URL that is otherwise wrong is not shown", () => {
    expect(() => http.create({ url: "ftp://user:secret@h/" }, serviceContext())).toThrow(/^(?!.*secret)/);
  });
});
