import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Escape } from "../../../src/core/template-engine.ts";
import { createTemplateEngine } from "../../../src/templating/engine.ts";
import { tempDir } from "../../support/temp-dir.ts";

function stage() {
  const templatesDir = tempDir("templates");
  const dir = join(tempDir("cache"), "templates");
  mkdirSync(join(templatesDir, "partials"));
  const write = (name: string, text: string) => writeFileSync(join(templatesDir, name), text);
  write("main.cfg", "one {{> p}}");
  write("partials/p.cfg.hbs", "two");
  const render = (version = "1", escaping: Escape = "haproxy") => {
    const engine = createTemplateEngine({ templatesDir, env: {}, cache: { dir, version } });
    return engine.compile("main.cfg", escaping).render({ pairs: [], missing: "error" }).text;
  };
  /** The cached file, changed so that one sees whether it was used. */
  const mark = (mode = 0o600) => {
    const [name = ""] = readdirSync(dir);
    const path = join(dir, name);
    const cached = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...cached, code: cached.code.replace("one", "cached") }));
    chmodSync(path, mode);
  };
  return { templatesDir, dir, write, render, mark };
}

test("what was compiled once is used again, and readable for nobody else", () => {
  const { render, mark, dir } = stage();
  expect(render()).toBe("one two");
  expect(readdirSync(dir).map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual([0o600]);
  mark();
  expect(render()).toBe("cached two");
});

test.each([
  ["the template changed", (s: ReturnType<typeof stage>) => s.write("main.cfg", "one {{> p}}!"), "one two!"],
  ["a partial changed", (s: ReturnType<typeof stage>) => s.write("partials/p.cfg.hbs", "2"), "one 2"],
  [
    "a partial that goes before it appeared",
    (s: ReturnType<typeof stage>) => s.write("partials/p.hbs", "new"),
    "one new",
  ],
  ["somebody else may have written it", (s: ReturnType<typeof stage>) => s.mark(0o620), "one two"],
])("it is compiled anew when %s", (_, change, expected) => {
  const staged = stage();
  staged.render();
  staged.mark();
  change(staged);
  expect(staged.render()).toBe(expected);
});

test("another version of the program and another escaping compile for themselves", () => {
  const { render, mark } = stage();
  render();
  mark();
  expect(render("1", "none")).toBe("one two");
  expect(render("2")).toBe("one two");
});

test("a partial that went away is missed though it is cached", () => {
  const { render, templatesDir } = stage();
  render();
  rmSync(join(templatesDir, "partials/p.cfg.hbs"));
  expect(() => render()).toThrow('there is no partial "p"');
});

test("a cache that cannot be read or written costs nothing but time", () => {
  const { render, dir } = stage();
  mkdirSync(join(dir, ".."), { recursive: true });
  writeFileSync(dir, "not a folder");
  expect(render()).toBe("one two");
  rmSync(dir);
  render();
  for (const name of readdirSync(dir)) writeFileSync(join(dir, name), "{", { mode: 0o600 });
  expect(render()).toBe("one two");
});
