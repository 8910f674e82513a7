import { describe, expect, test } from "vitest";
import { parseTargets } from "../../../src/core/targets.ts";

describe("a list of servers", () => {
  test.each([
    ["10.0.0.1:11211", [{ host: "10.0.0.1", port: 11211 }]],
    [
      "a.example:1,b.example:65535",
      [
        { host: "a.example", port: 1 },
        { host: "b.example", port: 65535 },
      ],
    ],
    [
      " a:1 , b:2 ",
      [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
    ],
    ["[::1]:11211", [{ host: "::1", port: 11211 }]],
  ])("%s is understood", (text, targets) => {
    expect(parseTargets(text, "--server")).toEqual(targets);
  });

  test.each(["", "a", "a:", ":1", "a:0", "a:65536", "::1:11211", "a:1,", "a b:1", "a:1 option"])(
    "%j is refused, with the flag in the message",
    (text) => {
      expect(() => parseTargets(text, "--server")).toThrow(
        expect.objectContaining({ code: "E_USAGE", message: expect.stringContaining("--server") }),
      );
    },
  );

  test("a server named twice is refused", () => {
    expect(() => parseTargets("a:1,b:1,a:1", "--server")).toThrow("--server: a:1 is named twice");
  });
});
