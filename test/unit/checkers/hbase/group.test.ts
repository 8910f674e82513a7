import { describe, expect, test } from "vitest";
import { liveServer, parseGroup } from "../../../../checkers/hbase/group.ts";
import { groupData, withMeta } from "../../../support/hbase.ts";
import { createRandom } from "../../../support/random.ts";

const SERVERS = ["rs1.example.org,16020", "RS2.example.org,65535"];
const READ = ["rs1.example.org,16020", "rs2.example.org,65535"];

describe("a group's znode", () => {
  test("is read with and without what HBase's clients put in front", () => {
    expect(parseGroup(groupData("oltp", SERVERS))).toEqual(READ);
    expect(parseGroup(withMeta(groupData("oltp", SERVERS)))).toEqual(READ);
  });

  test("may have no servers, or many", () => {
    expect(parseGroup(groupData("oltp", []))).toEqual([]);
    const many = Array.from({ length: 2_000 }, (_, at) => `rs${at}.example.org,16020`);
    expect(parseGroup(groupData("oltp", many))).toEqual(many);
  });

  test("that is empty says nothing yet, also with an empty message behind the front", () => {
    expect(parseGroup(Buffer.alloc(0))).toBeUndefined();
    expect(parseGroup(withMeta(Buffer.alloc(0)))).toBeUndefined();
  });

  test("may have fields that are not known here, of every wire type", () => {
    const unknown = [
      Buffer.from([(15 << 3) | 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
      Buffer.concat([Buffer.from([(14 << 3) | 1]), Buffer.alloc(8)]),
      Buffer.from([(13 << 3) | 2, 2, 1, 1]),
      Buffer.concat([Buffer.from([(12 << 3) | 5]), Buffer.alloc(4)]),
    ];
    expect(parseGroup(Buffer.concat([groupData("oltp", SERVERS), ...unknown]))).toEqual(READ);
  });

  test.each([
    ["another format", Buffer.from("{}"), "not in HBase's format"],
    ["a front that is longer than all of it", Buffer.from([0xff, 0, 0, 1, 0]), "ends too early"],
    ["a front of a negative length", Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]), "ends too early"],
    ["a message that is cut off", groupData("oltp", SERVERS).subarray(0, -20), "ends too early"],
    ["a wire type that there is not", Buffer.from("PBUF\x0f"), "not in HBase's format"],
    ["a number without an end", Buffer.from([...Buffer.from("PBUF\x08"), ...Array(11).fill(0xff)]), "not in HBase's"],
  ])("of %s is refused in words", (_, data, words) => {
    expect(() => parseGroup(data)).toThrow(words);
  });

  test("of any bytes is read or refused, and nothing else", () => {
    const random = createRandom(20);
    const whole = groupData("oltp", SERVERS);
    for (let round = 0; round < 5_000; round++) {
      const data = Buffer.from(whole);
      for (let change = 0; change < 3; change++) data[random.below(data.length)] = random.below(256);
      try {
        parseGroup(data);
      } catch (error) {
        expect((error as Error).message).toMatch(/^it (is not in HBase's format|ends too early)$/);
      }
    }
  });
});

test.each([
  ["rs1.example.org,16020,1511111111111", "rs1.example.org,16020"],
  ["RS1.Example.org,16020,1", "rs1.example.org,16020"],
  ["draining", undefined],
  ["rs1.example.org,16020", undefined],
  ["rs1.example.org,,1", undefined],
  [",16020,1", undefined],
])("the child %s is the region server %s", (child, server) => {
  expect(liveServer(child)).toBe(server);
});
