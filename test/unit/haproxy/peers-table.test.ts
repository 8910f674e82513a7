import { describe, expect, test } from "vitest";
import { chooseTable, isUp, readRow, type ServerView, type TableScene } from "../../../src/haproxy/peers-table.ts";

function server(name: string, backend = "galera"): ServerView {
  const id = name.slice(1);
  return { backend, name, id, address: `10.0.0.${id}:3306`, status: "UP", sessions: 0 };
}

const SERVERS = [server("s1"), server("s2"), server("s3")];

function row(data: Readonly<Record<string, string>>) {
  return { key: "1", data: new Map(Object.entries(data)) };
}

describe("a row", () => {
  test.each([
    ["the name counts", { server_id: "2", server_key: "s2" }, "s2"],
    ["a number over an old name does nothing", { server_id: "3", server_key: "s1" }, "s1"],
    ["the number counts where there is no name", { server_id: "3", server_key: "-" }, "s3"],
    ["or where the name is of no server", { server_id: "3", server_key: "gone" }, "s3"],
    ["the key may be an address", { server_id: "3", server_key: "10.0.0.2:3306" }, "s2"],
    ["an older HAProxy says server_name", { server_id: "3", server_name: "s2" }, "s2"],
    ["neither is there", { server_id: "9", server_key: "s9" }, undefined],
    ["nothing is stored", {}, undefined],
  ] as const)("%s", (_, data, expected) => {
    expect(readRow(row(data), SERVERS).server).toBe(expected);
  });

  test("is told as HAProxy says it, without what is not about the server", () => {
    const { text } = readRow(row({ shard: "0", server_id: "2", server_key: "s2" }), SERVERS);
    expect(text).toBe("server_id=2 server_key=s2");
  });
});

test.each([
  ["UP", true],
  ["UP 1/2", true],
  ["no check", true],
  ["DOWN", false],
  ["DOWN 1/2", false],
  ["MAINT", false],
  ["DRAIN", false],
  ["NOLB", false],
] as const)("a server that is %s is for new clients: %s", (status, expected) => {
  expect(isUp({ ...server("s1"), status })).toBe(expected);
});

describe("the table", () => {
  const integer = (name: string) => ({ name, type: "integer", size: 100, used: 0 });
  const group = (...tables: string[]) => ({ name: "p", isDisabled: false, peers: [], tables });
  const scene = (differs: Partial<TableScene>): TableScene => ({
    tables: [integer("galera")],
    groups: [group("galera")],
    servers: SERVERS,
    ...differs,
  });
  const nobody = { table: undefined, backend: undefined };

  test.each([
    ["the only one", {}, nobody],
    [
      "the only one that peers share",
      { tables: [integer("rates"), integer("galera")], servers: [...SERVERS, server("s1", "rates")] },
      nobody,
    ],
    ["the only one of type integer", { tables: [{ ...integer("ips"), type: "ip" }, integer("galera")] }, nobody],
    [
      "the only one that has servers",
      { tables: [integer("counts"), integer("galera")], groups: [group("counts", "galera")] },
      nobody,
    ],
    ["without peers the only one", { groups: [] }, nobody],
    [
      "the one that is named",
      { tables: [integer("galera"), integer("other")], servers: [...SERVERS, server("s1", "other")] },
      { table: "galera", backend: undefined },
    ],
  ] as const)("%s", (_, differs, choice) => {
    expect(chooseTable(scene(differs), choice)).toMatchObject({ table: { name: "galera" }, backend: "galera" });
  });

  test("may stand in another section than the servers", () => {
    const there = scene({ tables: [integer("peers/t")], groups: [group("peers/t")] });
    expect(chooseTable(there, nobody)).toMatchObject({ table: { name: "peers/t" }, backend: "galera" });
    const two = { ...there, servers: [...SERVERS, server("s1", "web")] };
    expect(chooseTable(two, nobody)).toMatchObject({ hint: "name the backend with --proxy: galera, web" });
    expect(chooseTable(two, { table: undefined, backend: "web" })).toMatchObject({ backend: "web" });
  });

  test("that cannot be told is asked for, with the names", () => {
    const tables = [integer("galera"), integer("other")];
    const both = scene({ tables, groups: [group("galera", "other")], servers: [...SERVERS, server("s1", "other")] });
    expect(chooseTable(both, nobody)).toMatchObject({
      problem: "which stick table is meant cannot be told: galera, other",
    });
    expect(chooseTable(both, { table: "galer", backend: undefined })).toEqual({
      problem: 'it has no stick table "galer"',
      hint: "its stick tables: galera, other",
    });
    expect(chooseTable(scene({ tables: [] }), nobody)).toMatchObject({ hint: "its stick tables: none" });
  });
});
