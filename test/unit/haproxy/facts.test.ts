import { describe, expect, test } from "vitest";
import { isAtLeast, parseVersion } from "../../../src/haproxy/facts.ts";

describe("the version of the HAProxy that runs", () => {
  test.each([
    ["Name: HAProxy\nVersion: 2.6.12-1+deb12u1\nRelease_date: 2023/12/16\n", [2, 6]],
    ["Version: 3.4-dev2-abc\n", [3, 4]],
    ["HAProxy version 2.8.3 2023/09/07 - https://haproxy.org/\n", [2, 8]],
  ])("is read from %j", (text, version) => {
    expect(parseVersion(text)).toEqual({ version });
  });

  test.each(["", "Permission denied", "Version: unknown"])("is not made up from %j", (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  test("is compared by its numbers", () => {
    expect(isAtLeast({ version: [2, 10] }, 2, 6)).toBe(true);
    expect(isAtLeast({ version: [3, 0] }, 2, 6)).toBe(true);
    expect(isAtLeast({ version: [2, 6] }, 2, 6)).toBe(true);
    expect(isAtLeast({ version: [2, 4] }, 2, 6)).toBe(false);
  });
});
