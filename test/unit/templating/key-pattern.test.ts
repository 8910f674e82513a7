import fc from "fast-check";
import { expect, test } from "vitest";
import { keyMatcher } from "../../../src/templating/key-pattern.ts";

// After the table of Go's own tests of path.Match.
test.each([
  ["/a/b", "/a/b", true],
  ["/a/*", "/a/b", true],
  ["/a/*", "/a/b/c", false],
  ["/a/*", "/a/", true],
  ["/*/b", "/a/b", true],
  ["/*/b", "/a/x/b", false],
  ["/*/*", "/a/b", true],
  ["/a/*/c", "/a//c", true],
  ["/a/x*", "/a/xyz", true],
  ["/a/*z", "/a/xyz", true],
  ["/a/x*z", "/a/xyz", true],
  ["/a/x*z", "/a/x/z", false],
  ["/a/?", "/a/b", true],
  ["/a/?", "/a/bc", false],
  ["/a?b", "/a/b", false],
  ["/[a-c]", "/b", true],
  ["/[a-c]", "/d", false],
  ["/[^a-c]", "/d", true],
  ["/[^a-c]", "/b", false],
  ["/[\\]a]", "/]", true],
  ["/[\\-]", "/-", true],
  ["/a\\*b", "/a*b", true],
  ["/a\\*b", "/axb", false],
  ["/a.b", "/axb", false],
  ["/a+(b)$", "/a+(b)$", true],
  ["/a/*", "/a/ü\nb", true],
])("%s on %s: %s", (pattern, key, expected) => expect(keyMatcher(pattern)(key)).toBe(expected));

test.each(["/[a", "/a\\", "/[]"])("%s is no pattern, and the error shows where", (pattern) => {
  expect(() => keyMatcher(pattern)).toThrow(/is no pattern: see its character \d/);
});

test("patterns of whole words match as an expression of the same meaning does", () => {
  const word = fc.constantFrom("a", "b", "ab", "");
  const pattern = fc.array(fc.constantFrom("a", "b", "ab", "*"), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(pattern, fc.array(word, { minLength: 1, maxLength: 4 }), (words, parts) => {
      const expression = new RegExp(`^/${words.map((it) => (it === "*" ? "[^/]*" : it)).join("/")}$`);
      const key = `/${parts.join("/")}`;
      expect(keyMatcher(`/${words.join("/")}`)(key)).toBe(expression.test(key));
    }),
    { numRuns: 2_000 },
  );
});
