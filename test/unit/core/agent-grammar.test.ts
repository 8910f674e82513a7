import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AgentReply, parseReply, readWords } from "../../../src/core/agent-grammar.ts";

/** What HAProxy 2.6 makes of the same lines is in test/live/agent-grammar.test.ts. */
describe("a line of an agent", () => {
  test.each<[string, string, Partial<AgentReply>]>([
    ["a health word", "up", { health: "up" }],
    ["in capitals", "DOWN", { health: "down" }],
    ["an administrative word", "maint", { admin: "maint" }],
    [
      "the last word of each sort",
      "up drain 50% down ready 75%",
      { health: "down", admin: "ready", weightPercent: 75 },
    ],
    [
      "words between blanks, tabs and commas",
      "\t up,75%\tmaxconn:9 ,",
      { health: "up", weightPercent: 75, maxconn: 9 },
    ],
    ["a reason", "down # lag 35 s, too much", { health: "down", text: "lag 35 s, too much" }],
    ["a reason alone", "#why", { text: "why" }],
    ["a # in a word", "fail#why", { unknown: ["fail#why"] }],
    ["an empty reason", "down #", { health: "down" }],
    ["nothing", "", {}],
    ["nothing but separators", " ,\t", {}],
    ["more lines than one", "up\n50%", { health: "up" }],
    ["a carriage return in the line", "up\rdown", { health: "up" }],
    ["a large percentage", "300%", { weightPercent: 300 }],
    ["a percentage out of all reason", "99999999999999999999%", { weightPercent: 25_600 }],
    ["half a percent", "12.5% up", { health: "up", unknown: ["12.5%"] }],
    ["a wrong weight behind a right one", "50% 1x%", { unknown: ["1x%"] }],
    ["less than nothing", "-5% up", { health: "up", unknown: ["-5%"] }],
    ["a percent sign by itself", "50 % up", { health: "up", unknown: ["50", "%"] }],
    ["a weight as of HAProxy 3.1", "weight:50 up", { health: "up", unknown: ["weight:50"] }],
    ["a limit of connections", "MaxConn:10", { maxconn: 10 }],
    ["no limit of connections", "maxconn:0", { maxconn: 0 }],
    ["a limit with a sign", "maxconn:+7", { maxconn: 7 }],
    ["a negative limit", "maxconn:-5", { maxconn: 4_294_967_291 }],
    ["a limit beyond 32 bits", "maxconn:4294967296", { maxconn: 0 }],
    ["a limit beyond 64 bits", "maxconn:99999999999999999999", { maxconn: 4_294_967_295 }],
    ["a limit below 64 bits", "maxconn:-99999999999999999999", { maxconn: 0 }],
    [
      "a limit that is no number",
      "maxconn:ten maxconn: maxconn:1x",
      { unknown: ["maxconn:ten", "maxconn:", "maxconn:1x"] },
    ],
    ["words that nobody knows", "failed sleepy up", { health: "up", unknown: ["failed", "sleepy"] }],
  ])("is read: %s", (_, line, expected) => {
    expect(parseReply(line)).toEqual({ unknown: [], ...expected });
  });

  test("is told word by word, with what counts", () => {
    expect(readWords("up 50% down 1x% what")).toEqual({
      text: undefined,
      words: [
        { word: "up", counts: false, sort: "health", health: "up" },
        { word: "50%", counts: false, sort: "weight", weightPercent: 50 },
        { word: "down", counts: true, sort: "health", health: "down" },
        { word: "1x%", counts: true, sort: "weight", objection: "Trailing garbage in weight string" },
        { word: "what", counts: true, sort: "unknown" },
      ],
    });
  });

  test("of any sort is read, in time that grows with its length alone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (line) => {
        const words = parseReply(line).unknown;
        expect(words.every((word) => line.includes(word))).toBe(true);
      }),
    );
    expect(parseReply(`${",".repeat(60_000)}up`).health).toBe("up");
    expect(parseReply(`${"9".repeat(16_000)}%`).weightPercent).toBe(25_600);
  });
});
