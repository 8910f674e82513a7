import { describe, expect, test } from "vitest";
import { agentEffects } from "../../../src/core/agent-effects.ts";

/** The sentences on the words of a line, in their order. */
function sentences(line: string): readonly string[] {
  return agentEffects(`${line}\n`, "closed").words.map(({ word, effect }) => `${word}: ${effect}`);
}

describe("what HAProxy would do", () => {
  test("is told word by word", () => {
    expect(sentences("maxconn:10 75% up #fine")).toEqual([
      "maxconn:10: maxconn: 10 connections at the most",
      "75%: weight: 75 % of the configured weight, rounded down: of the default weight, 1, that is 0; not with a static balance",
      "up: the server is up at once (an agent's rise is 1), if its own check, where it has one, finds it up too",
      "#fine: the reason, as HAProxy shows it in its statistics and logs",
    ]);
  });

  test.each([
    ["down", "the server is down at once (an agent's fall is 1)"],
    ["drain", "no new sessions, those it has live on; maintenance becomes drain; only ready ends it"],
    ["maint", "no traffic and no health checks; only ready ends it"],
    ["ready", "also those that a person has set in HAProxy"],
    ["0%", "no new sessions"],
    ["100%", "weight: as configured"],
    ["150%", "150 % of the configured weight, 256 at the most"],
    ["maxconn:0", "no limit of connections"],
    ["12.5%", 'HAProxy warns "Trailing garbage in weight string"; write whole percents, with a blank behind: 75% up'],
    ["maxconn:x", 'HAProxy warns "maxconn string empty or preceded by garbage"; write maxconn:100'],
    ["failed", "HAProxy does not know this word and warns of it"],
    ["weight:50", "HAProxy 3.1 and later take it as the weight"],
    ["50", "a weight is written 50%"],
    ["-5%", "a weight is 0% or more"],
    ["fail#why", "a reason begins with a # of its own: down #why"],
  ])("%s: %s", (word, effect) => {
    expect(sentences(word)).toHaveLength(1);
    expect(sentences(word)[0]).toContain(effect);
  });

  test("names the word that does not count", () => {
    expect(sentences("up down")[0]).toBe("up: nothing: the last word of a sort counts");
  });

  test("says that a reason without up or down is not kept", () => {
    expect(sentences("drain #why")[1]).toBe("#why: nothing: a reason is kept with up or down only");
  });

  test.each([
    ["\n", "no opinion: nothing changes"],
    ["#why\n", "no opinion: nothing changes"],
    ["50%\n", "it says neither up nor down: a server that is down stays down"],
    ["up\n50%\n", "what stands behind the first line end is not looked at"],
  ])("says of %j: %s", (bytes, note) => {
    expect(agentEffects(bytes, "closed").notes).toEqual([note]);
  });

  test.each(["up\n", "up\r\n", "up\r"])("has nothing to say on the end of %j", (bytes) => {
    expect(agentEffects(bytes, "closed").notes).toEqual([]);
  });
});

describe("an answer is understood", () => {
  test.each([
    ["when each word is", "ready maxconn:10 75% up #fine\n", true],
    ["when it has no opinion", "\n", true],
    ["not with a word that HAProxy does not know", "up foo\n", false],
    ["not with a number that HAProxy does not take", "up 12.5%\n", false],
    ["not without an end", "up", false],
    ["not with a byte 0 in it", "up\0\n", false],
    ["not when it is longer than HAProxy reads", `up #${"x".repeat(20_000)}\n`, false],
    ["not when it is none", "", false],
  ])("%s", (_, bytes, understood) => {
    expect(agentEffects(bytes, "closed").understood).toBe(understood);
  });
});

describe("no answer", () => {
  test.each([
    ["closed", "it closed without an answer: HAProxy ignores it (L7RSP)", "L7RSP"],
    ["reset", "it broke the connection off without an answer: HAProxy ignores it", "SOCKERR"],
    ["late", "no answer came in time: HAProxy ignores it (L7TOUT)", "L7TOUT"],
    ["refused", "no connection: HAProxy ignores it (L4CON)", "L4CON"],
    ["unreachable", "no connection in time: HAProxy ignores it (L4TOUT)", "L4TOUT"],
  ] as const)("(%s) leaves the state as it was, and says how it came", (end, note, status) => {
    const effects = agentEffects("", end);
    expect(effects).toMatchObject({
      words: [],
      notes: [`${note}, weight and state stay as they were`],
      shown: { status },
    });
  });

  test("is a line without its end", () => {
    const closed = agentEffects("up", "closed");
    expect(closed.notes[0]).toMatch(/^HAProxy ignores it: incomplete line, there is no line end \(L7TOUT\)/);
    expect(closed.shown).toEqual({ status: undefined, text: "Ignoring incomplete line from agent" });
    expect(agentEffects("up", "late").shown.status).toBe("L7TOUT");
  });
});
