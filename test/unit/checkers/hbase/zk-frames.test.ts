import { describe, expect, test } from "vitest";
import { encode } from "../../../../checkers/hbase/jute.ts";
import { readReply, readWelcome } from "../../../../checkers/hbase/zk-frames.ts";

const ZXID = 1n;
const CHILDREN = { what: "children", path: "/hbase/rs" } as const;
const DATA = { what: "data", path: "/hbase/rsgroup/a" } as const;

describe("an answer of ZooKeeper", () => {
  test("is children, data, or that there is no such znode", () => {
    expect(readReply(encode(7, ZXID, 0, 2, "a", "b"), 7, CHILDREN)).toEqual({ isThere: true, children: ["a", "b"] });
    expect(readReply(encode(7, ZXID, 0, Buffer.from("x")), 7, DATA)).toEqual({ isThere: true, data: Buffer.from("x") });
    expect(readReply(encode(7, ZXID, 0, -1), 7, DATA)).toEqual({ isThere: true, data: Buffer.alloc(0) });
    expect(readReply(encode(7, ZXID, -101), 7, DATA)).toEqual({ isThere: false });
  });

  test.each([
    ["to another question", encode(8, ZXID, 0, -1), "not asked"],
    ["with an error", encode(7, ZXID, -102), "/hbase/rsgroup/a"],
    ["with an error that is not known", encode(7, ZXID, -99), "error -99"],
    ["that ends too early", encode(7, ZXID, 0, 50).subarray(0, 18), "less than it announces"],
  ])("%s is refused in words", (_, body, words) => {
    expect(() => readReply(body, 7, DATA)).toThrow(words);
  });

  test("with more children than bytes is refused", () => {
    expect(() => readReply(encode(7, ZXID, 0, 2_000_000_000), 7, CHILDREN)).toThrow("less than it announces");
  });

  test("that gives no session is refused", () => {
    expect(() => readWelcome(encode(0, 0, 0n, Buffer.alloc(16)))).toThrow("no session");
    expect(() => readWelcome(encode(0, 4_000, 5n, Buffer.alloc(16)))).not.toThrow();
  });
});
