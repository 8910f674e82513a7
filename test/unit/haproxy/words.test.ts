import { describe, expect, test } from "vitest";
import { readLine } from "../../../src/haproxy/words.ts";

function words(text: string): readonly string[] {
  return readLine(text, 1).words;
}

describe("a line is cut into words as HAProxy does", () => {
  test.each([
    ["blanks of any kind and number separate", " \tbind \v *:80\f ", ["bind", "*:80"]],
    ["a comment ends it, also in the middle of a word", "bind :80#x 'y", ["bind", ":80"]],
    ["a comment sign in quotes is none", `log-format "#a" '#b' \\#c`, ["log-format", "#a", "#b", "#c"]],
    ["quotes are taken away wherever they stand", `"se"rver 'a b'c`, ["server", "a bc"]],
    ["each kind of quote keeps the other", `x "it's" 'a"b'`, ["x", "it's", 'a"b']],
    ["an empty word in quotes is a word", `x "" y`, ["x", "", "y"]],
    ["a backslash keeps a blank, a quote and itself", `x a\\ b \\" \\' \\\\`, ["x", "a b", '"', "'", "\\"]],
    ["escapes of C are read, in double quotes too", `x \\t"\\n"\\x41`, ["x", "\t\nA"]],
    ["in single quotes nothing is an escape", `x '\\t\\x41'`, ["x", "\\t\\x41"]],
    ["a backslash before another character stays", `x a\\1`, ["x", "a\\1"]],
    ["a dollar outside double quotes is a dollar", `x $A '$A' "\\$A"`, ["x", "$A", "$A", "$A"]],
    ["a carriage return ends it", "bind :80\r", ["bind", ":80"]],
    ["what follows a carriage return is not read", "bind :80\rssl", ["bind", ":80"]],
  ])("%s", (_, text, expected) => {
    expect(words(text)).toEqual(expected);
    expect(readLine(text, 1).broken).toBeUndefined();
  });

  test("a variable in double quotes is told from the same text without its meaning", () => {
    const line = readLine(`bind "$A" "\${B-x y}"`, 1);
    expect(line.hasVariable).toBe(true);
    expect(line.words).toHaveLength(3);
    expect(words(`bind '$A'`)[1]).not.toBe(words(`bind "$A"`)[1]);
  });

  test("a variable that is the number of its line differs from line to line, others do not", () => {
    expect(readLine(`x "\${.LINE}"`, 1).words).not.toEqual(readLine(`x "\${.LINE}"`, 2).words);
    expect(readLine(`x "\${A}"`, 1).words).toEqual(readLine(`x "\${A}"`, 2).words);
  });

  test("a byte by its number is not the letter that is written as two bytes", () => {
    expect(words("x \\xe9")).not.toEqual(words("x é"));
  });

  test.each([
    ["an open quote", `x "a`],
    ["an open single quote", `x 'a`],
    ["a bad escape", "x \\xg1"],
    ["a NUL by its number", "x \\x00"],
    ["a bad variable", `x "$-"`],
    ["an open brace", `x "\${A"`],
    ["65 words", "x ".repeat(65)],
  ])("%s makes it broken", (_, text) => {
    expect(readLine(text, 1).broken).toBeDefined();
  });

  test("two broken lines are the same only if they are written the same", () => {
    expect(words(`x "a`)).not.toEqual(words(`x 'a`));
  });
});
