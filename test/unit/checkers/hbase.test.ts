import { describe, expect, test } from "vitest";
import { hbase } from "../../../checkers/hbase.ts";
import type { OptionValues } from "../../../src/core/option.ts";
import { serviceContext } from "../../support/service-context.ts";

const create = (options: OptionValues) => hbase.create({ "zk-quorum": "zk1,zk2/hbase", ...options }, serviceContext());
const never = new AbortController().signal;

test("what is published is the first ZooKeeper, or --server", async () => {
  expect(await create({}).discover({ signal: never })).toEqual([{ host: "zk1", port: 2_181 }]);
  const server = [{ host: "10.0.0.9", port: 9_090 }];
  expect(await create({ server }).discover({ signal: never })).toEqual(server);
});

describe("options that make no sense are refused:", () => {
  test.each<[what: string, options: OptionValues]>([
    ["no live server", { "min-live": 0 }],
    ["half a server", { "min-live": 1.5 }],
    ["a group that HBase would not take", { "hbase-rs-group": "a/b" }],
    ["an empty group", { "hbase-rs-group": "" }],
    [
      "two servers for one cluster",
      {
        server: [
          { host: "a", port: 1 },
          { host: "b", port: 1 },
        ],
      },
    ],
  ])("%s", (_, options) => {
    expect(() => create(options)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
  });
});
