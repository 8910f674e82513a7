import { describe, expect, test } from "vitest";
import { haproxyWord } from "../../../src/templating/haproxy-word.ts";

describe("what is no more than a word stays as it is", () => {
  test.each(["db1.example", "10.0.0.1:3306", "[2001:db8::1]:3306", "a,b;c=%[x]", "{}!|&<>()~^@*?+", "Müller", "🙂"])(
    "%s",
    (text) => expect(haproxyWord(text.replace("[x]", ""))).toBe(text.replace("[x]", "")),
  );
});

test.each([
  ["two words", "two\\ words"],
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["#", "\\#"],
  ["'", "\\x27"],
  ["$HOME", "\\x24HOME"],
  ["[scope]", "\\x5bscope]"],
  ["[::1] x", "\\x5b::1]\\ x"],
  ["", '""'],
])("%s is written as %s", (text, word) => expect(haproxyWord(text)).toBe(word));

describe("a control character cannot be in a word", () => {
  test.each(["\n", "\r", "\t", "\0", "\u001b", "\u007f", "\u0085"])("%j", (char) => {
    expect(haproxyWord(`a${char}b`)).toBeUndefined();
  });
});
