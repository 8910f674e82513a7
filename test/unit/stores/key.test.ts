import { expect, test } from "vitest";
import { checkKey, checkPrefix, isFolderPrefix } from "../../../src/stores/key.ts";

test.each(["a", "haproxy/memcached/mem11211", "a b", "a/.hidden", "a..b/c...", "ü/東京", "x".repeat(1_024)])(
  "%j is a key, and with a slash behind it a prefix",
  (key) => {
    expect(() => checkKey(key)).not.toThrow();
    expect(() => checkPrefix(key)).not.toThrow();
    expect(() => checkPrefix(`${key}/`)).not.toThrow();
  },
);

test.each([
  ["", "is empty"],
  ["/a", "begins with a slash"],
  ["a/", "ends with a slash"],
  ["a//b", "two slashes"],
  ["a/./b", 'the segment "."'],
  ["../a", 'the segment ".."'],
  ["a\0", "NUL"],
  ["ü".repeat(513), "longer than 1024 bytes"],
])("%j is no key, because it %s", (key, reason) => {
  expect(() => checkKey(key)).toThrow(
    expect.objectContaining({ code: "E_USAGE", message: expect.stringContaining(reason) }),
  );
});

test.each(["/", "/a/", "a//", "a/../"])("%j is no prefix", (prefix) => {
  expect(() => checkPrefix(prefix)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
});

test("only a prefix that ends in a slash, or is empty, means what is below it", () => {
  expect(["", "a/", "a", "a/b"].map(isFolderPrefix)).toEqual([true, true, false, false]);
});

test("a very long key is cut in the message", () => {
  expect(() => checkKey(`${"x".repeat(5_000)}`)).toThrow(/^the key "x{77}\.\.\."/);
});
