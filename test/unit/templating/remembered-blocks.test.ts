import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Pair } from "../../../src/core/store.ts";
import type { Template } from "../../../src/core/template-engine.ts";
import { createTemplateEngine } from "../../../src/templating/engine.ts";
import { tempDir } from "../../support/temp-dir.ts";

function compile(template: string): Template {
  const templatesDir = tempDir("templates");
  writeFileSync(join(templatesDir, "main.cfg"), template);
  return createTemplateEngine({ templatesDir, env: { SITE: "north" } }).compile("main.cfg", "haproxy");
}

const TEMPLATES = [
  '{{#each (entries "/h/*/*")}}{{name}} {{proxyport}} {{#each servers}}{{../name}}@{{address}}{{/each}}\n{{else}}none{{/each}}',
  // Not one of these may be remembered: they read the place in the list, the store, or what is around the block.
  '{{#each (entries "/h/*/*")}}{{@index}}{{name}}{{#if @last}}.{{/if}}\n{{/each}}',
  '{{#each (entries "/h/*/*")}}{{name}}{{len (gets "/h/*/*")}}\n{{/each}}',
  '{{#with (dict n=(len (gets "/h/*/*")))}}{{#each (entries "/h/*/*")}}{{name}}{{../n}}\n{{/each}}{{/with}}',
  '{{#each (entries "/h/a/*")}}a{{name}}{{/each}}{{#each (entries "/h/*/*")}}{{name}}{{getenv "SITE"}}{{/each}}',
  '{{#each (entries "/h/*/*" taken=(list "n1"))}}x{{name}}{{/each}}{{#each (entries "/h/*/*")}}y{{name}}{{/each}}',
];

const stored = fc.record({
  kind: fc.constantFrom("a", "b"),
  tag: fc.constantFrom("1", "2", "3"),
  name: fc.constantFrom("n1", "n2", "n3", "not a name"),
  proxyport: fc.constantFrom(1001, 1002, 1003),
});
const snapshots = fc.array(fc.array(stored, { maxLength: 6 }), { minLength: 2, maxLength: 6 });

function pairsOf(entries: readonly { kind: string; tag: string; name: string; proxyport: number }[]): readonly Pair[] {
  const byKey = new Map(
    entries.map(({ kind, tag, name, proxyport }) => [
      `/h/${kind}/${tag}`,
      JSON.stringify({ name, host: "10.0.0.1", port: 1, proxyport }),
    ]),
  );
  return [...byKey].map(([key, value]) => ({ key, value, index: value })).sort((x, y) => (x.key < y.key ? -1 : 1));
}

test.each(TEMPLATES)("whatever was rendered before, a render is what a first render gives: %s", (template) => {
  const kept = compile(template);
  fc.assert(
    fc.property(snapshots, (rounds) => {
      for (const round of rounds) {
        const input = { pairs: pairsOf(round), missing: "error" } as const;
        expect(kept.render(input)).toEqual(compile(template).render(input));
      }
    }),
    { numRuns: 40 },
  );
});

test("an entry that clashes with another list is left out of the second render as of the first", () => {
  const template = compile(
    '{{#each (entries "/h/b/*")}}b{{name}}{{/each}}{{#each (entries "/h/a/*")}}a{{name}}{{/each}}',
  );
  const entries = [
    { kind: "a", tag: "1", name: "n1", proxyport: 1001 },
    { kind: "b", tag: "1", name: "n1", proxyport: 1002 },
  ];
  const input = { pairs: pairsOf(entries), missing: "error" } as const;
  expect([template.render(input).text, template.render(input).text]).toEqual(["bn1", "bn1"]);
});

test("a name that the template takes only now is no longer an entry's", () => {
  const template = compile('{{#each (entries "/h/*/*" taken=(list (getv "/taken")))}}{{name}}{{/each}}');
  const entries = pairsOf([{ kind: "a", tag: "1", name: "n1", proxyport: 1001 }]);
  const render = (taken: string) =>
    template.render({ pairs: [...entries, { key: "/taken", value: taken, index: "1" }], missing: "error" }).text;
  expect([render("other"), render("n1")]).toEqual(["n1", ""]);
});
