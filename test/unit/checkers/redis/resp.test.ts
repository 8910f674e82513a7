import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeCommands, parseReply, type Reply } from "../../../../checkers/redis/resp.ts";

describe("a reply", () => {
  test.each<[string, Reply]>([
    ["+OK\r\n", "OK"],
    ["-ERR no\r\n", { error: "ERR no" }],
    [":-12\r\n", -12],
    ["$0\r\n\r\n", ""],
    ["$4\r\na\r\nb\r\n", "a\r\nb"],
    ["$2\r\n\u00e9\r\n", "\u00e9"],
    ["$-1\r\n", null],
    ["*-1\r\n", null],
    ["*0\r\n", []],
    ["*2\r\n:1\r\n*1\r\n+a\r\n", [1, ["a"]]],
  ])("%j", (text, reply) => {
    const bytes = Buffer.from(text);
    expect(parseReply(bytes)).toEqual({ reply, next: bytes.length });
    // However it is cut, it is whole or it is not.
    for (let length = 0; length < bytes.length; length++) expect(parseReply(bytes.subarray(0, length))).toBeUndefined();
  });

  test.each([
    "HTTP/1.1 400 Bad Request\r\n",
    "\r\n",
    "+OK\rx",
    "$x\r\n",
    "$-2\r\n",
    "$1\r\nabc",
    "*-2\r\n",
    "*1\r\n!\r\n",
    ": 1\r\n",
    ":1e3\r\n",
    ":9999999999999999\r\n",
    "*1\r\n".repeat(20),
  ])("that is none: %j", (text) => {
    expect(() => parseReply(Buffer.from(text))).toThrow("it does not answer in Redis's protocol");
  });
});

test("commands are read back as they were given, whatever is in them", () => {
  const command = fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), (commands) => {
      const bytes = encodeCommands(commands);
      let next = 0;
      for (const words of commands) {
        const parsed = parseReply(bytes, next);
        expect(parsed?.reply).toEqual(words);
        next = parsed?.next ?? -1;
      }
      expect(next).toBe(bytes.length);
    }),
  );
});

test("bytes of any kind are a reply, the beginning of one, or refused, and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom("+", "-", ":", "$", "*", ""), (noise, type) => {
      try {
        const bytes = Buffer.concat([Buffer.from(type), noise]);
        const parsed = parseReply(bytes);
        if (parsed !== undefined) expect(parsed.next).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect((error as Error).message).toBe("it does not answer in Redis's protocol");
      }
    }),
  );
});
