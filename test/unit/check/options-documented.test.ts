import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkers } from "../../../checkers/registry.ts";
import { CHECK_OPTIONS } from "../../../src/check/options.ts";
import { AGENT_FLAGS, PROCESS_FLAGS } from "../../../src/config/flags-checkers.ts";
import type { OptionSpec } from "../../../src/core/option.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/checkers.md"), "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| "));
const options: readonly OptionSpec[] = [...CHECK_OPTIONS, ...PROCESS_FLAGS, ...AGENT_FLAGS];

test.each(options.map((option) => [option.name, option] as const))(
  "docs/checkers.md has --%s and its default",
  (name, option) => {
    const [, , shown] = rows.map((row) => row.split("|")).find(([, first]) => first?.includes(`\`--${name}`)) ?? [];
    expect(shown).toBeDefined();
    if (option.default === undefined) return;
    expect(shown).toContain(option.default === "" ? "nothing" : `\`${option.default}\``);
  },
);

test.each(Object.entries(checkers))("docs/checkers.md says what %s has by itself", async (kind, load) => {
  const { options: own, proxyportOffset } = await load();
  const row = rows.find((line) => line.startsWith(`| [${kind}](checkers/${kind}.md) |`));
  expect(row).toContain(`| ${proxyportOffset} |`);
  for (const { name, default: value } of own.filter(isCommon)) {
    if (value !== undefined) expect(row).toMatch(new RegExp(`\`--${name} '?${String(value).replace("*", "\\*")}'?\``));
  }
});

function isCommon({ name }: OptionSpec): boolean {
  return options.some((common) => common.name === name);
}
