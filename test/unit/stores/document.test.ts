import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentFormat, loadDocumentParser, printDocument } from "../../../src/stores/document.ts";

const ENTRY = '{"name":"a","host":"10.0.0.1","port":1,"proxyport":2}';
const formats = ["json", "yaml"] as const;
const toPairs = (values: Record<string, string>) =>
  Object.entries(values).map(([key, value]) => ({ key, value, index: "1" }));

test("the file's name tells the format", () => {
  expect(["a.json", "A.JSON", "a.yaml", "a.yml"].map(documentFormat)).toEqual(["json", "json", "yaml", "yaml"]);
});

describe("reading a document", () => {
  test.each([
    ["a text is the value itself", '{"k": "{ spaced }"}', "{ spaced }"],
    [
      "an object stands for its compact JSON",
      `{"k": {"name": "a", "host":"10.0.0.1", "port": 1, "proxyport": 2}}`,
      ENTRY,
    ],
    ["a list stands for its JSON", '{"k": [1, "b"]}', '[1,"b"]'],
    ["a number stands for its JSON", '{"k": 11211}', "11211"],
    ["a boolean stands for its JSON", '{"k": true}', "true"],
    ["the empty text is the empty value", '{"k": ""}', ""],
  ])("%s", async (_what, text, value) => {
    for (const format of formats) expect((await loadDocumentParser(format))(text)).toEqual([["k", value]]);
  });

  test("YAML may be written as YAML", async () => {
    const parse = await loadDocumentParser("yaml");
    expect(parse("haproxy/b: text\nhaproxy/a:\n  name: a\n  port: 1\n")).toEqual([
      ["haproxy/a", '{"name":"a","port":1}'],
      ["haproxy/b", "text"],
    ]);
  });

  test.each([
    ["{", "it is not"],
    ["[]", "one object"],
    ['"text"', "one object"],
    ["null", "one object"],
    ['{"k": null}', '"k" has no value'],
    ['{"/k": "v"}', "begins with a slash"],
    ['{"a//b": "v"}', "two slashes"],
  ])("%s is refused with a reason", async (text, reason) => {
    for (const format of formats) {
      const parse = await loadDocumentParser(format);
      expect(() => parse(text)).toThrow(
        expect.objectContaining({ code: "E_STORE_INVALID", message: expect.stringContaining(reason) }),
      );
    }
  });
});

describe("writing a document", () => {
  test("a value that is compact JSON of an object is written out for people, any other as text", async () => {
    const text = await printDocument(
      toPairs({ a: ENTRY, b: '{ "spaced": 1 }', c: "[1]", d: "12", e: '{"b":1,"1":2}' }),
      "json",
    );
    expect(JSON.parse(text)).toEqual({
      a: { name: "a", host: "10.0.0.1", port: 1, proxyport: 2 },
      b: '{ "spaced": 1 }',
      c: "[1]",
      d: "12",
      e: '{"b":1,"1":2}',
    });
    expect(text).toContain('\n    "name": "a",\n');
  });

  const key = fc
    .stringMatching(/^[a-z0-9_.:-]{1,8}(\/[a-zü ]{1,6}){0,2}$/)
    .filter((each) => !/^\.{1,2}(\/|$)/.test(each));
  const value = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => Buffer.from(text).toString("utf8")),
    fc.json(),
    fc.json().map((json) => JSON.stringify(JSON.parse(json))),
    fc.dictionary(fc.string(), fc.jsonValue()).map((object) => JSON.stringify(object)),
    fc.constantFrom(
      '{"__proto__":1}',
      '{"a":1e21}',
      '{"a":-0}',
      '{"a":1.0}',
      "yes",
      "1_000",
      "0x10",
      "~",
      "- a",
      "a: b",
      "\r\n",
      "{}",
    ),
  );

  test.each(formats)("what is written as %s is read back byte for byte", async (format) => {
    const parse = await loadDocumentParser(format);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, value), async (values) => {
        const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
        expect(parse(await printDocument(toPairs(values), format))).toEqual(sorted);
      }),
      { numRuns: 400 },
    );
  });
});
