import { describe, expect, test } from "vitest";
import {
  type OrderSubject,
  orderKey,
  overlap,
  parseOrderKey,
  parseSubject,
  rankOf,
  subjectWords,
} from "../../../src/core/order-subject.ts";

const subject = (kind?: string, tag = "mem1", server?: string): OrderSubject => ({ kind, tag, server });

describe("what people write", () => {
  test.each<[string, OrderSubject]>([
    ["mem1", subject()],
    ["memcached/mem1", subject("memcached")],
    ["memcached/mem1/10.0.0.5:11211", subject("memcached", "mem1", "10.0.0.5:11211")],
    ["memcached/mem1/[::1]:11211", subject("memcached", "mem1", "[::1]:11211")],
    ["memcached/mem1/db1.example:11211", subject("memcached", "mem1", "db1.example:11211")],
    ["*/mem1/10.0.0.5:11211", subject(undefined, "mem1", "10.0.0.5:11211")],
    ["a.plugin-of_mine/mem1", subject("a.plugin-of_mine")],
    ["10.0.0.5:11211", subject(undefined, "10.0.0.5:11211")],
  ])("%s is understood, and said again in the same words", (words, expected) => {
    expect(parseSubject(words)).toEqual(expected);
    expect(subjectWords(expected)).toBe(words);
  });

  test("*/mem1 is mem1 of every kind", () => {
    expect(parseSubject("*/mem1")).toEqual(subject());
  });

  test.each<[string, string, RegExp]>([
    ["nothing", "", /names no tag/],
    ["no tag", "memcached/", /names no tag/],
    ["no kind", "/mem1", /names no tag/],
    ["a star for a tag", "*", /names no tag/],
    ["words with blanks", "my tag", /names no tag/],
    ["an @", "mem1@10.0.0.5:11211", /names no tag/],
    ["a server without a port", "memcached/mem1/10.0.0.5", /is not a server/],
    ["a server with a port too high", "memcached/mem1/10.0.0.5:99999", /is not a server/],
    ["several servers", "memcached/mem1/a:1,b:2", /names several servers/],
    ["a slash behind the server", "memcached/mem1/10.0.0.5:1/", /is not a server/],
    ["a server without its kind", "mem1/10.0.0.5:11211", /names a server and no kind/],
  ])("%s is refused", (_, words, message) => {
    expect(() => parseSubject(words)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
    expect(() => parseSubject(words)).toThrow(message);
  });
});

describe("the key", () => {
  test.each<[string, OrderSubject]>([
    ["haproxy-agent/maintenance/*/mem1", subject()],
    ["haproxy-agent/maintenance/memcached/mem1", subject("memcached")],
    ["haproxy-agent/maintenance/memcached/mem1@10.0.0.5:11211", subject("memcached", "mem1", "10.0.0.5:11211")],
    ["haproxy-agent/maintenance/*/mem1@[::1]:11211", subject(undefined, "mem1", "[::1]:11211")],
  ])("%s is written and read", (key, expected) => {
    expect(orderKey("maintenance", expected)).toBe(key);
    expect(parseOrderKey(key)).toEqual({ sort: "maintenance", subject: expected });
  });

  test("of a recovery is read as such", () => {
    const key = orderKey("recover", subject("memcached"));
    expect(key).toBe("haproxy-agent/recover/memcached/mem1");
    expect(parseOrderKey(key)?.sort).toBe("recover");
  });

  test.each([
    "haproxy-agent/maintenance/mem1",
    "haproxy-agent/maintenance/memcached/",
    "haproxy-agent/maintenance/memcached/mem1/10.0.0.5:11211",
    "haproxy-agent/maintenance/memcached/mem1@",
    "haproxy-agent/maintenance/memcached/mem1@10.0.0.5",
    "haproxy-agent/maintenance/memcached/mem1@10.0.0.5:011211",
    "haproxy-agent/maintenance/memcached/mem1@a:1,b:2",
    "haproxy-agent/maintenance/memcached/my tag",
    "haproxy-agent/maintenance/a b/mem1",
    "haproxy-agent/drain/memcached/mem1",
    "haproxy/memcached/mem1",
  ])("%s is none", (key) => {
    expect(parseOrderKey(key)).toBeUndefined();
  });
});

describe("what counts more", () => {
  test("a server before its tag, and with the kind before without", () => {
    const most = ["memcached/mem1/a:1", "*/mem1/a:1", "memcached/mem1", "mem1"];
    const ranks = most.map((words) => rankOf(parseSubject(words)));
    expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
    expect(new Set(ranks).size).toBe(4);
  });

  test.each([
    ["mem1", "memcached/mem1/a:1", true],
    ["memcached/mem1", "*/mem1/a:1", true],
    ["memcached/mem1", "redismaster/mem1", false],
    ["memcached/mem1/a:1", "memcached/mem1/b:1", false],
    ["memcached/mem1", "memcached/mem2", false],
  ])("%s and %s are about the same servers: %s", (a, b, expected) => {
    expect(overlap(parseSubject(a), parseSubject(b))).toBe(expected);
    expect(overlap(parseSubject(b), parseSubject(a))).toBe(expected);
  });
});
