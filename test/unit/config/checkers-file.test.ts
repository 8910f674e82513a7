import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCheckersFile } from "../../../src/config/checkers-file.ts";
import { folderWith } from "../../support/program.ts";

function read(text: string) {
  const folder = folderWith({ "checkers.toml": text });
  return { folder, file: readCheckersFile(join(folder, "checkers.toml")) };
}

test("a file is what concerns the process, the defaults, and the tables", () => {
  const { folder, file } = read(`
consul = "localhost:8500"
plugin = ["x.js", "/abs/y.js"]
[defaults]
interval = "2s"
[[checker]]
kind = "mysqlslave"
tag = "slave3301"
conf = "db.conf"
max-lag = "10s"
`);
  expect(file.top.values).toEqual({ consul: "localhost:8500", plugin: [join(folder, "x.js"), "/abs/y.js"] });
  expect(file.defaults.values).toEqual({ interval: "2s" });
  expect(file.tables).toEqual([
    {
      kind: "mysqlslave",
      tag: "slave3301",
      conf: join(folder, "db.conf"),
      own: {
        name: `${folder}/checkers.toml: [[checker]] 1 (mysqlslave slave3301)`,
        values: { "max-lag": "10s" },
      },
    },
  ]);
});

test("[agent] says what the flags of the agent port say, in fewer words", () => {
  const { folder, file } = read(`
[agent]
port = 9999
bind = ["127.0.0.1", "unix:/run/agent.sock"]
default = "slave3301"
allow = "10.0.0.0/8"
stale-after = "8s"
[[checker]]
kind = "a"
tag = "b"
`);
  expect(file.agent).toEqual({
    name: `${folder}/checkers.toml: [agent]`,
    values: {
      "agent-port": 9999,
      "agent-bind": ["127.0.0.1", "unix:/run/agent.sock"],
      "agent-default": "slave3301",
      allow: "10.0.0.0/8",
      "stale-after": "8s",
    },
  });
});

describe("what is not of its form is an error that says where and what", () => {
  test.each([
    ["", /checkers\.toml: there is no \[\[checker\]\] table in it$/],
    ['[checker]\nkind = "a"', /checkers\.toml: each checker must be a table of its own: \[\[checker\]\]/],
    ['defaults = 1\n[[checker]]\nkind = "a"', /checkers\.toml: defaults must be a table: \[defaults\]$/],
    ["agent = 9999", /checkers\.toml: agent must be a table: \[agent\]$/],
    ['[[checker]]\ntag = "a"', /\[\[checker\]\] 1: kind must be there/],
    ['[[checker]]\nkind = "a"', /\[\[checker\]\] 1 \(a\): tag must be there/],
    ['[[checker]]\nkind = "a"\ntag = "b/c"', /\[\[checker\]\] 1: tag: "b\/c" is not a name$/],
    ['[[checker]]\nkind = "a"\ntag = "b"\nconf = 1', /\(a b\): conf must be the path of a file$/],
    ['plugin = [1]\n[[checker]]\nkind = "a"\ntag = "b"', /checkers\.toml: plugin must be a list of files$/],
    ["[[checker]", /checkers\.toml:1:\d+: /],
  ])("%j", (text, message) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: "E_CONFIG", message: expect.stringMatching(message) }),
    );
  });

  test("two tables of one kind and tag; the same tag of another kind is another entry", () => {
    const table = (kind: string) => `[[checker]]\nkind = "${kind}"\ntag = "t"\n`;
    expect(read(table("a") + table("b")).file.tables).toHaveLength(2);
    expect(() => read(table("a") + table("b") + table("a"))).toThrow(/\[\[checker\]\] 1 and 3 are both a t$/);
  });
});
