import { describe, expect, test } from "vitest";
import { rejectIfTurnedAway, splitAnswers } from "../../../src/haproxy/runtime-answers.ts";
import { isTrouble, quoteReply } from "../../../src/haproxy/runtime-error.ts";

const CHANGED = "IP changed from '10.0.0.1' to '10.0.0.2', no need to change the port by 'stats socket command'";

describe("what came over a connection is cut into answers", () => {
  test.each([
    ["one that says nothing", "\n", ["set server b/s weight 1"], [""]],
    ["one text", `${CHANGED}\n\n`, ["set server b/s addr 10.0.0.2"], [CHANGED]],
    ["a text of several lines", "1\n# be_id\n3 b\n\n", ["show servers state"], ["1\n# be_id\n3 b"]],
    ["several that say nothing", "\n\n\n", ["a", "b", "c"], ["", "", ""]],
    ["nothing in front of a text", `\n${CHANGED}\n\n`, ["a", "b"], ["", CHANGED]],
    ["nothing behind a text", `${CHANGED}\n\n\n`, ["a", "b"], [CHANGED, ""]],
    ["nothing between texts", "x\ny\n\n\nz\n\n", ["a", "b", "c"], ["x\ny", "", "z"]],
    ["no blank line behind the only text (2.6)", "Server deleted.\n", ["del server b/s"], ["Server deleted."]],
    [
      "no blank line behind the last text (2.6)",
      "\nServer deleted.\n",
      ["a", "del server b/s"],
      ["", "Server deleted."],
    ],
    ["a blank line within the only text", "x\n\ny\n\n", ["reload"], ["x\n\ny"]],
  ] as const)("%s", (_, text, commands, answers) => {
    expect(splitAnswers(text, commands)).toEqual(answers);
  });

  test.each([
    ["nothing at all", "", ["show info"]],
    ["half a line", "Name: HAPr", ["show info"]],
    ["a whole line of a list that has no end", "0x1: proto=tcpv4 src=1 fe=l be=l srv=s1\n", ["show sess"]],
    ["such a list through a master", "1\n", ["@!77 show servers state"]],
    ["lines without an end", "Name: HAProxy\nVersion: 2.6.12\n", ["show info"]],
    ["half a line of another command", "Server del", ["del server b/s"]],
    ["one answer of two", "\n", ["a", "b"]],
    [
      "a text without its blank line in front of another (2.6)",
      "Server deleted.\n1\n# x\n\n",
      ["del server b/s", "show servers state"],
    ],
    ["the same in front of nothing", "health checks are not enabled on this server\n\n", ["a", "b"]],
    ["three answers to two", "x\n\ny\n\nz\n\n", ["a", "b"]],
  ] as const)("%s is not", (_, text, commands) => {
    expect(splitAnswers(text, commands)).toBeUndefined();
  });
});

describe("an answer that says the command was not looked at is an error", () => {
  test.each([
    ["Permission denied", "denied", /"Permission denied"/, /level admin/],
    [
      "Unknown command. Please enter one of the following commands only:\n  abort ssl",
      "unknown-command",
      /"Unknown command"$/,
      /does not know/,
    ],
    [
      "Unknown command: 'foo', but maybe one of the following ones",
      "unknown-command",
      /"Unknown command"$/,
      /does not know/,
    ],
    ["Can't find the target PID matching the prefix '@!99'", "gone", /prefix '@!99'/, /worker has ended/],
    ["Can't connect to the target CLI!", "unreachable", /target CLI/, /starting or ending/],
  ] as const)("%s", (answer, trouble, message, hint) => {
    let error: unknown;
    try {
      rejectIfTurnedAway(answer, 'HAProxy at /s: "foo"');
    } catch (thrown) {
      error = thrown;
    }
    expect(isTrouble(error, trouble)).toBe(true);
    expect(error).toMatchObject({
      code: "E_HAPROXY",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(error).toMatchObject({ message: expect.stringMatching(/^HAProxy at \/s: "foo" was answered with /) });
  });

  test("any other is not: it is for the caller to judge", () => {
    for (const answer of ["", CHANGED, "No such server.", "permission denied is what it said"]) {
      expect(() => rejectIfTurnedAway(answer, "it")).not.toThrow();
    }
  });
});

test("what HAProxy said fits into a message", () => {
  expect(quoteReply("a\n  b\n")).toBe('"a / b"');
  expect(quoteReply("x".repeat(500))).toBe(`"${"x".repeat(200)}…"`);
});
