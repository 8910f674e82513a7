import { describe, expect, test } from "vitest";
import { parseRole } from "../../../../checkers/patroni/roles.ts";

describe("a health check of Patroni", () => {
  test.each([
    ["primary", false, true],
    ["master", false, true],
    ["read-write", false, true],
    ["", false, true],
    ["leader", undefined, true],
    ["standby-leader", true, true],
    ["standby_leader", true, true],
    ["replica", true, false],
    ["replica?lag=1MB", true, false],
    ["replica?lag=1MB&tag_zone=a%20b", true, false],
    ["synchronous", true, false],
    ["sync", true, false],
    ["quorum", true, false],
    ["asynchronous", true, false],
    ["async?lag=16kB", true, false],
    ["read-only", undefined, false],
    ["read-only-sync", undefined, false],
    ["health", undefined, false],
    ["readiness?mode=apply", undefined, false],
  ])("%j wants a server whose recovery is %s, and there is only one: %s", (word, inRecovery, isSingle) => {
    expect(parseRole(word)).toEqual({ endpoint: word, inRecovery, isSingle, isKnown: true });
  });

  test("may be written as a path", () => {
    expect(parseRole(" /replica ")).toMatchObject({ endpoint: "replica", inRecovery: true });
  });

  test.each(["primry", "constructor", "patroni/x"])("%j is none that we know, and asked as it is", (word) => {
    expect(parseRole(word)).toEqual({ endpoint: word, inRecovery: undefined, isSingle: false, isKnown: false });
  });

  test.each(["primary replica", "primary#a", "http://a/primary", "replica?lag=1MB\r\nX: y", "../patroni"])(
    "%j cannot be one",
    (word) => {
      expect(parseRole(word)).toBeUndefined();
    },
  );
});
