import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTemplateEngine } from "../../../src/templating/engine.ts";
import { createHelpers } from "../../../src/templating/helper-set.ts";
import { tempDir } from "../../support/temp-dir.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/templates.md"), "utf8");
const section = page.slice(page.indexOf("## Helpers"), page.indexOf("## The shipped templates"));

interface Row {
  readonly signature: string;
  readonly example: string;
  readonly result: string;
}

/** Rows of the table: | `helper params` | words | `example` | `result` | */
const rows: readonly Row[] = section
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const [, signature = "", , example = "", result = ""] = line.split(/(?<!\\)\|/).map(codeOf);
    return { signature, example, result: result.replace("␠", " ") };
  });

function codeOf(cell: string): string {
  return cell
    .trim()
    .replace(/^`+ ?(.*?) ?`+$/, "$1")
    .replaceAll("\\|", "|");
}

const store: Readonly<Record<string, string>> = JSON.parse(/```json\n(.*?)```/s.exec(section)?.[1] ?? "");
const pairs = Object.keys(store)
  .sort()
  .map((key) => ({ key, value: store[key] ?? "", index: "1" }));

function render(template: string): string {
  const templatesDir = tempDir("templates");
  writeFileSync(join(templatesDir, "example.txt"), template);
  writeFileSync(join(templatesDir, "greeting.hbs"), "Hello {{name}}");
  const wallMs = () => Date.UTC(2026, 0, 2, 3, 4, 5);
  const engine = createTemplateEngine({ templatesDir, env: {}, wallMs });
  return engine.compile("example.txt", "none").render({ pairs, missing: "error" }).text;
}

test("the table has every helper, with its parameters, once", () => {
  const { params } = createHelpers({
    machine: { env: {}, wallMs: () => 0 },
    include: { params: "path [context]", run: () => "" },
    current: () => {
      throw new Error("nothing is rendered here");
    },
  });
  const signatures = Object.entries(params).map(([name, list]) => `${name} ${list}`.trim());
  expect(rows.map((row) => row.signature).sort()).toEqual(signatures.sort());
});

test.each(rows)("$signature: the example gives what the table says", ({ signature, example, result }) => {
  expect(example).toContain(signature.split(" ", 1)[0]);
  expect(render(example)).toBe(result);
});

test("no helper has the name of a data variable, which Handlebars would then call instead", () => {
  const names = rows.map((row) => row.signature.split(" ", 1)[0]);
  for (const variable of ["index", "key", "first", "last", "root"]) expect(names).not.toContain(variable);
});

test("the template shown for those who come from confd renders", () => {
  const shown = /becomes\n\n```handlebars\n(.*?)```/s.exec(page)?.[1] ?? "";
  const entry = '{"name":"s1","host":"10.0.0.1","port":3306,"proxyport":13356}';
  const templatesDir = tempDir("templates");
  writeFileSync(join(templatesDir, "haproxy.cfg"), shown);
  const engine = createTemplateEngine({ templatesDir, env: {} });
  const input = { pairs: [{ key: "/haproxy/mysqlslave/s1", value: entry, index: "1" }], missing: "error" } as const;
  expect(engine.compile("haproxy.cfg", "haproxy").render(input).text.replace(/\s+/g, " ").trim()).toBe(
    "listen s1 bind *:13356 server s1 10.0.0.1:3306 check",
  );
});

test("the escaping table shows what is really written", () => {
  const table = page.slice(page.indexOf("| in the store |"), page.indexOf("- A control character"));
  const lines = table.split("\n").filter((line) => line.startsWith("| `"));
  const templatesDir = tempDir("templates");
  writeFileSync(join(templatesDir, "x.cfg"), '{{getv "/x"}}');
  const template = createTemplateEngine({ templatesDir, env: {} }).compile("x.cfg", "haproxy");
  for (const line of lines) {
    const [, value = "", word] = line.split("|").map(codeOf);
    expect(template.render({ pairs: [{ key: "/x", value, index: "1" }], missing: "error" }).text).toBe(word);
  }
  expect(lines.length).toBe(3);
});
