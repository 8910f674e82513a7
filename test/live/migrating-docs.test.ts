import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { docBlocks, haproxyAccepts } from "../support/docs.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram } from "../support/program.ts";

const PAGE = "migrating-agents.md";

/** The same with addresses of this test's own, at which nobody is. */
async function withNobodyThere(text: string): Promise<string> {
  const prefix = await loopbackPrefix();
  return text.replaceAll(/(?:10|127)\.0\.0\.(\d+)/g, `${prefix}.$1`).replaceAll(/\bzk(\d)/g, `${prefix}.20$1`);
}

/** The command lines of ours that stand beside those of the replaced programs, with their files in a folder of the test's. */
async function commandLines(): Promise<readonly string[]> {
  const poller = "dw_health_poller:\n  check_url: http://127.0.0.1:1/health\n";
  const dir = folderWith({
    "db.conf": "[orders]\nuser = u\npassword = p\n",
    "config.yml": await withNobodyThere(poller),
  });
  const lines = docBlocks(PAGE, "")
    .join("\n")
    .replaceAll(/\\\n +/g, "")
    .split("\n");
  const ours = lines.filter((line) => /^checkers (?!--config)/.test(line)).map((line) => line.replace(/ &$/, ""));
  const here = await withNobodyThere(ours.join("\n"));
  return here.replaceAll(/\/etc\/[\w-]+\/|\/tmp\//g, `${dir}/`).split("\n");
}

describe(`docs/${PAGE}`, () => {
  test("has pieces of configuration that HAProxy takes without a warning", async () => {
    const blocks = docBlocks(PAGE, "haproxy");
    expect(blocks).toHaveLength(3);
    for (const block of blocks) expect(await haproxyAccepts(block)).toBe("accepted");
  });

  test("has command lines that are understood: they find nobody at their addresses", async () => {
    const lines = await commandLines();
    const kinds = lines.map((line) => line.split(" ")[1]);
    expect(kinds).toEqual(["patroni", "patroni", "hbase", "datawave", "galera", "galera"]);
    for (const line of lines) {
      const words = line.replaceAll("'", "").split(/ +/).slice(1);
      const { code, stdout } = await runProgram("checkers", [...words, "--once", "--store", "none"]);
      expect([line, code, stdout]).toEqual([line, 1, expect.stringContaining("connection refused")]);
    }
  });

  test("has a file that checkers take", async () => {
    const file = await withNobodyThere(docBlocks(PAGE, "toml").join("\n"));
    const path = join(folderWith({ "checkers.toml": file }), "checkers.toml");
    const { code, stdout } = await runProgram("checkers", ["--config", path, "--once"]);
    expect([code, stdout]).toEqual([1, expect.stringContaining("0 of 2 tags are good")]);
  });
});
