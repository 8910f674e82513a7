import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { datawave } from "../../checkers/datawave.ts";
import { http } from "../../checkers/http.ts";
import { patroni } from "../../checkers/patroni.ts";
import { launch } from "../support/launch.ts";
import { folderWith } from "../support/program.ts";

describe.each([
  ["http", http],
  ["datawave", datawave],
  ["patroni", patroni],
])("docs/checkers/%s.md", (name, { options }) => {
  const page = readFileSync(join(import.meta.dirname, `../../docs/checkers/${name}.md`), "utf8");

  test("names every option of the kind, and what it is without one", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("| ") && line.includes("`"));
    for (const option of options) {
      const names = option.default === true ? [`--no-${option.name}`] : [option.name];
      const row = rows.find((line) => names.some((word) => line.split("|")[1]?.includes(word)));
      expect(row, option.name).toBeDefined();
      if (typeof option.default === "boolean" || option.default === "" || option.default === undefined) continue;
      expect(row, option.name).toContain(`\`${option.default}\``);
    }
  });

  test("has pieces of configuration that HAProxy takes without a warning", async () => {
    const blocks = [...page.matchAll(/^```haproxy\n(.*?)^```/gms)].map(([, text = ""]) => text);
    expect(blocks).toHaveLength(2);
    for (const block of blocks) {
      const front =
        "listen door\n    mode tcp\n    bind 127.0.0.1:1\n    timeout client 1s\n    timeout connect 1s\n    timeout server 1s\n";
      const dir = folderWith({ "haproxy.cfg": `${block}\n${front}` });
      const haproxy = launch("haproxy", ["-c", "-f", join(dir, "haproxy.cfg")]);
      const { code } = await haproxy.exited;
      expect({ code, said: haproxy.stderr() }).toEqual({ code: 0, said: expect.not.stringMatching(/WARNING|ALERT/) });
    }
  });
});
