import { describe, expect, test } from "vitest";
import { parseQuorum } from "../../../../checkers/hbase/quorum.ts";

describe("--zk-quorum", () => {
  test.each([
    ["zk1:2181/hbase", ["zk1:2181"], "/hbase"],
    ["zk1:2181,zk2:2182,zk3:2183/hbase/prod", ["zk1:2181", "zk2:2182", "zk3:2183"], "/hbase/prod"],
    ["zk1,zk2/hbase/", ["zk1:2181", "zk2:2181"], "/hbase"],
    ["zk1:2181", ["zk1:2181"], ""],
    ["zk1:2181/", ["zk1:2181"], ""],
    [" 10.0.0.1:2181 , 10.0.0.2:2181/hbase-secure", ["10.0.0.1:2181", "10.0.0.2:2181"], "/hbase-secure"],
    ["[::1]:2181/hbase", ["::1:2181"], "/hbase"],
  ])("%s is understood", (text, members, chroot) => {
    const quorum = parseQuorum(text);
    expect(quorum.members.map(({ host, port }) => `${host}:${port}`)).toEqual(members);
    expect(quorum.chroot).toBe(chroot);
  });

  test.each(["", "/hbase", "zk1:2181//hbase", "zk1:99999/hbase", "zk1:2181,zk1:2181/hbase", "zk 1/hbase", undefined])(
    "%s is refused",
    (text) => {
      expect(() => parseQuorum(text)).toThrow(expect.objectContaining({ code: "E_USAGE" }));
    },
  );
});
