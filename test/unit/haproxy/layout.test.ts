import { describe, expect, test } from "vitest";
import { stretchesOf } from "../../../src/haproxy/layout.ts";

function keywords(text: string): string[] {
  return stretchesOf(text).map(({ keyword }) => keyword);
}

describe("a configuration is cut into sections", () => {
  test("what stands above the first section has no keyword", () => {
    expect(keywords("# hello\nglobal\n  a\nlisten x\n")).toEqual(["", "global", "listen"]);
  });

  test("nothing of the text is lost, and lines are counted from one", () => {
    const text = "\n\nglobal\n\tmaxconn 1\n\n  listen web\n    bind :80";
    const found = stretchesOf(text);
    expect(found.map(({ start, end }) => text.slice(start, end)).join("")).toBe(text);
    expect(found.map(({ line }) => line)).toEqual([1, 3, 6]);
  });

  test.each([
    ["quoted", `"listen" a\n`],
    ["quoted in the middle", `lis"te"n a\n`],
    ["with an escape", "\\x6cisten a\n"],
    ["followed by a comment", "listen#a\n"],
    ["followed by a tab", "listen\ta\n"],
    ["at the end of the text", "listen"],
    ["before a carriage return", "listen\r\n"],
    ["indented by any blank", "\v\f\r\tlisten a\n"],
  ])("a keyword counts %s", (_, text) => {
    expect(keywords(text)).toEqual(["", "listen"]);
  });

  test.each([
    ["a longer word", "listener a\n"],
    ["another case", "Listen a\n"],
    ["a later word", "x listen a\n"],
    ["a comment", "# listen a\n"],
    ["defaults of a server", "default-server check\n"],
  ])("%s begins no section", (_, text) => {
    expect(keywords(text)).toEqual([""]);
  });

  test("a section knows the conditions around it and in it", () => {
    const found = stretchesOf("listen a\n.if 1\n  listen b\n.if 1\n listen c\n.endif\n.endif\nlisten d\n");
    expect(found.map(({ depth }) => depth)).toEqual([0, 0, 1, 2, 0]);
    expect(found.map(({ hasDirectives }) => hasDirectives)).toEqual([false, true, true, true, false]);
  });
});
