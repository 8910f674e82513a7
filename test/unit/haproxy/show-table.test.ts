import { describe, expect, test } from "vitest";
import { parseTable, parseTables } from "../../../src/haproxy/show-table.ts";

/** Recorded from 2.6.12 and, with `shard`, 3.0.11; the last as older ones wrote it. */
const ROWS = {
  "2.6": "0x5579177989e0: key=1 use=0 exp=0 server_id=1 server_key=s1",
  "3.0": "0x7f4864769050: key=1 use=0 exp=0 shard=0 server_id=1 server_key=s1",
  "set by hand": "0x5579177989e0: key=1 use=0 exp=0 server_id=3 server_key=-",
  "with rates": "0x5579177989e0: key=1 use=1 exp=86399 server_id=1 conn_rate(10000)=4 gpc0=0",
  old: "0x55d0a5f0: key=1 use=0 exp=0 server_id=2 server_name=s2",
};

const HEADER = "# table: galera, type: integer, size:1024, used:1";

describe("show table", () => {
  test("lists all tables, one of a peers section too", () => {
    const text = `${HEADER}\n# table: lb/web, type: ip, size:1048576, used:0\n`;
    expect(parseTables(text, "/s")).toEqual([
      { name: "galera", type: "integer", size: 1_024, used: 1 },
      { name: "lb/web", type: "ip", size: 1_048_576, used: 0 },
    ]);
  });

  test.each([
    ["2.6", { server_id: "1", server_key: "s1" }],
    ["3.0", { shard: "0", server_id: "1", server_key: "s1" }],
    ["set by hand", { server_id: "3", server_key: "-" }],
    ["with rates", { server_id: "1", conn_rate: "4", gpc0: "0" }],
    ["old", { server_id: "2", server_name: "s2" }],
  ] as const)("reads a row, %s", (kind, data) => {
    const parsed = parseTable(`${HEADER}\n${ROWS[kind]}\n`, "/s");
    expect(parsed?.table.size).toBe(1_024);
    expect(parsed?.rows).toEqual([{ key: "1", data: new Map(Object.entries(data)) }]);
  });

  test("a table without rows has none, and a table that is not there is none", () => {
    expect(parseTable("# table: galera, type: integer, size:1024, used:0\n", "/s")?.rows).toEqual([]);
    expect(parseTable("No such table\n", "/s")).toBeUndefined();
  });

  test("rows that the socket's level keeps back are no empty table", () => {
    const text = `${HEADER}\n# contents not dumped due to insufficient privileges\n`;
    expect(() => parseTable(text, "/s")).toThrow('HAProxy at /s: "show table …" was answered without the rows');
  });

  test.each([`${HEADER}\nName: HAProxy`, "Name: HAProxy", ""])("what is no table is an error: %#", (text) => {
    expect(() => parseTable(text, "/s")).toThrow('HAProxy at /s: "show table …" has a line nobody can read: ');
  });
});
