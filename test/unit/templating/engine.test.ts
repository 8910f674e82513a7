import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { AppError, type ErrorCode } from "../../../src/core/errors.ts";
import type { Escape, Missing, Rendered } from "../../../src/core/template-engine.ts";
import { createTemplateEngine } from "../../../src/templating/engine.ts";
import { tempDir } from "../../support/temp-dir.ts";

interface Given {
  /** Files below the templates folder; `main.cfg` is the one that is rendered. */
  readonly files?: Readonly<Record<string, string>>;
  readonly store?: Readonly<Record<string, string>>;
  readonly escaping?: Escape;
  readonly missing?: Missing;
}

function render(template: string, given: Given = {}): Rendered {
  const { files = {}, store = {}, escaping = "haproxy", missing = "error" } = given;
  const templatesDir = tempDir("templates");
  for (const [path, text] of Object.entries({ "main.cfg": template, ...files })) {
    mkdirSync(dirname(join(templatesDir, path)), { recursive: true });
    writeFileSync(join(templatesDir, path), text);
  }
  const pairs = Object.entries(store)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, value, index: "1" }));
  return createTemplateEngine({ templatesDir, env: {} }).compile("main.cfg", escaping).render({ pairs, missing });
}

function failure(template: string, given: Given = {}): { code: ErrorCode; message: string; hint: string | undefined } {
  try {
    render(template, given);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error("it rendered");
}

const entry = (name: string, proxyport: number, more: object = {}) =>
  JSON.stringify({ name, host: "10.0.0.1", port: 3306, proxyport, ...more });

describe("a mistake in a template is named with file and line", () => {
  test.each([
    [
      "a block that is not closed",
      "a\n{{#if x}}\nb",
      "main.cfg:3: the template ends before a {{#block}} or a {{tag is closed",
    ],
    ["the wrong block closed", "a\n{{#if x}}\n{{/each}}", "main.cfg:2: {{/each}} closes {{#if}}"],
    ["a tag that is no expression", "a\n{{ = }}", "main.cfg:2: this is not a Handlebars expression in: {{ = }}"],
    ["a helper that does not exist", 'a\n  {{toUper "x"}}', 'main.cfg:2: {{toUper "x"}}: there is no helper "toUper"'],
    ["one inside another call", "{{#if (eqq 1 2)}}{{/if}}", 'main.cfg:1: (eqq 1 2): there is no helper "eqq"'],
    ["too few arguments", "{{eq 1}}", "main.cfg:1: {{eq 1}}: wrong number of arguments (1), it is: eq a b"],
    [
      "too many",
      '{{toUpper "a" "b"}}',
      'main.cfg:1: {{toUpper "a" "b"}}: wrong number of arguments (2), it is: toUpper text',
    ],
    ["a partial that does not exist", "\n{{> nope}}", 'main.cfg:2: {{> nope}}: there is no partial "nope"'],
    [
      "a value in single quotes",
      "\n  log-tag '{{getv \"/x\"}}'",
      'main.cfg:2: {{getv "/x"}}: HAProxy reads no escapes in single quotes',
    ],
    [
      "a regular expression that is none",
      '{{regexMatch "(" "x"}}',
      'main.cfg:1: {{regexMatch "(" "x"}}: regexMatch: "(" is no regular expression',
    ],
  ])("%s", (_, template, message) => {
    expect(failure(template)).toMatchObject({ code: "E_TEMPLATE", message });
  });

  test("equal blocks know their own lines", () => {
    const block = (key: string) => `{{#if (exists "${key}")}}{{nothing}}{{/if}}`;
    const template = `${block("/a")}\n${block("/b")}`;
    expect(failure(template, { store: { "/b": "" } }).message).toMatch(/^main\.cfg:2: /);
  });

  test("the nearest helper is suggested", () => {
    expect(failure('{{toUper "x"}}').hint).toBe('Is "toUpper" meant?');
  });

  test("a field with a helper's name is found, and the way to write it is suggested", () => {
    expect(failure("{{base}}").hint).toBe("If a field of that name is meant, write this.base.");
    expect(render("{{#with (dict base=1)}}{{this.base}}{{/with}}").text).toBe("1");
  });

  test("DNS look-ups are refused with what to do instead, not with a helper of a similar name", () => {
    expect(failure('{{lookupIP "x"}}').hint).toContain("init-addr");
  });

  test("an apostrophe in a comment or in double quotes is no single quote", () => {
    const template = '# it\'s {{getv "/x"}}\nlog-tag "it\'s {{getv "/x"}}"';
    expect(render(template, { store: { "/x": "v" } }).text).toBe("# it's v\nlog-tag \"it's v\"");
  });
});

describe("a value that cannot be printed", () => {
  test("is an error naming the template, the line and the key when it is not there", () => {
    const template = '{{#each (gets "/a/*")}}{{#with (json value)}}\n{{prot}}{{/with}}{{/each}}';
    const store = { "/a/x": '{"port":1}' };
    expect(failure(template, { store }).message).toBe("main.cfg:2: {{prot}}: there is no such value in /a/x");
  });

  test("is nothing in a file that is not for HAProxy", () => {
    expect(render("<{{nothing}}>", { escaping: "none" }).text).toBe("<>");
  });

  test.each(["haproxy", "none"] as const)("is an error when it is an object, with escape %s", (escaping) => {
    expect(failure("{{dict a=1}}", { escaping }).message).toBe(
      "main.cfg:1: {{dict a=1}}: this is an object, not a text or number",
    );
  });

  test("is found in the JSON it comes from, however the control character is spelled there", () => {
    const store = { "/a/w": '{"n":"x"}', "/a/x": '{"n":"a\\u000ab"}' };
    const template = '{{#each (gets "/a/*")}}{{#with (json value)}}{{n}}{{/with}}{{/each}}';
    expect(failure(template, { store }).message).toContain("(\\n) cannot be in a HAProxy file, from /a/x");
  });

  test("cannot be a property that objects inherit", () => {
    const store = { "/x": '{"a":1}' };
    const template = '{{#with (json (getv "/x"))}}[{{constructor}}{{__proto__}}{{toString}}]{{/with}}';
    expect(render(template, { store, escaping: "none" }).text).toBe("[]");
  });
});

describe("a missing key", () => {
  test.each(["error", "wait"] as const)("is an error with --missing %s, naming key, file and line", (missing) => {
    for (const helper of ["getv", "get"]) {
      expect(failure(`a\n{{#with (${helper} "/no")}}{{/with}}`, { missing })).toMatchObject({
        code: "E_MISSING_KEY",
        message: `main.cfg:2: (${helper} "/no"): there is no key /no`,
      });
    }
  });

  test("is empty with --missing default", () => {
    const template = '{{getv "/no"}}{{#with (get "/no")}}x{{/with}}{{#with (json (get "/no"))}}x{{/with}}';
    expect(render(template, { missing: "default" }).text).toBe('""');
  });

  test("is no error when the template gives a default, asks first, or lists", () => {
    const template =
      '{{getv "/no" "d"}}{{exists "/no"}}{{#each (gets "/no/*")}}x{{/each}}{{#each (ls "/no")}}x{{/each}}{{#each (entries "/no/*")}}x{{/each}}';
    expect(render(template).text).toBe("dfalse");
  });

  test("is found without its leading slash too", () => {
    expect(render('{{getv "a"}}', { store: { "/a": "v" } }).text).toBe("v");
  });
});

describe("a value that is not what json wants", () => {
  test("is a warning that names its key, and the rest goes on", () => {
    const store = { "/a/1": '{"n":1}', "/a/2": "nope", "/a/3": "7", "/a/4": '{"n":4}' };
    const { text, warnings } = render('{{#each (gets "/a/*")}}{{#with (json value)}}{{n}}{{/with}}{{/each}}', {
      store,
    });
    expect(text).toBe("14");
    expect(warnings).toEqual([
      "/a/2 is passed over: it is not a JSON object",
      "/a/3 is passed over: it is not a JSON object",
    ]);
  });

  test("is named by its own key when two keys have the same value", () => {
    const store = { "/a/1": "nope", "/a/2": "nope" };
    const { warnings } = render('{{#each (gets "/a/*")}}{{#with (json Value)}}x{{/with}}{{/each}}', { store });
    expect(warnings.map((warning) => warning.slice(0, 4))).toEqual(["/a/1", "/a/2"]);
  });
});

describe("entries", () => {
  const NAMES = '{{#each (entries "/h/*/*")}}{{name}} {{/each}}';

  test("an announced HAProxy is none, and no reason for a warning", () => {
    const peer = '{"name":"lb1","host":"10.0.0.1","port":10000}';
    const store = {
      "/haproxy/galera/g": entry("g", 13_306),
      "/haproxy/peers/lb1": peer,
      "/haproxy/peers/lb2": "not even JSON",
    };
    const template =
      '{{#each (entries "/haproxy/*/*")}}{{name}} {{/each}}{{#each (gets "/haproxy/peers/*")}}{{key}} {{/each}}';
    expect(render(template, { store })).toEqual({ text: "g /haproxy/peers/lb1 /haproxy/peers/lb2 ", warnings: [] });
  });

  test("with the same name or proxyport: the later key is left out, and the warning names both", () => {
    const store = {
      "/h/k/a": entry("x", 1),
      "/h/k/b": entry("x", 2),
      "/h/k/c": entry("y", 1),
      "/h/k/d": entry("z", 3),
    };
    const { text, warnings } = render(NAMES, { store });
    expect(text).toBe("x z ");
    expect(warnings).toEqual([
      "/h/k/b is left out: /h/k/a has the name x too",
      "/h/k/c is left out: /h/k/a has the proxyport 1 too",
    ]);
  });

  test("clash across several lists of one template, and never with themselves", () => {
    const store = { "/h/a/1": entry("x", 1), "/h/b/1": entry("x", 2) };
    const { text, warnings } = render(
      '{{#each (entries "/h/b/*")}}b{{key}}{{/each}}{{#each (entries "/h/*/*")}}all{{key}}{{/each}}',
      { store },
    );
    expect(text).toBe("b/h/b/1all/h/b/1");
    expect(warnings).toEqual(["/h/a/1 is left out: /h/b/1 has the name x too"]);
  });

  test("of several patterns come once each, sorted by key", () => {
    const store = { "/h/a/1": entry("one", 1), "/h/b/1": entry("two", 2) };
    expect(render('{{#each (entries "/h/b/*" "/h/a/*" "/h/*/*")}}{{key}} {{/each}}', { store }).text).toBe(
      "/h/a/1 /h/b/1 ",
    );
  });

  test("do not get a name or port that the template keeps for itself", () => {
    const store = { "/h/k/a": entry("stats", 1), "/h/k/b": entry("b", 8404), "/h/k/c": entry("c", 2) };
    expect(render('{{#each (entries "/h/*/*" taken=(list "stats" "8404"))}}{{name}}{{/each}}', { store }).text).toBe(
      "c",
    );
  });

  test("need a kind and a tag that are names: they stand in comments and in names of servers", () => {
    const { text, warnings } = render(NAMES, { store: { "/h/k/a\nb": entry("x", 1), "/h/my kind/c": entry("y", 2) } });
    expect(text).toBe("");
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).not.toContain("\n");
  });

  test("keep fields this program does not know, but not those that would hide where they come from", () => {
    const store = { "/h/k/a": entry("x", 1, { reason: "first", kind: "evil", key: "evil", tag: "evil" }) };
    expect(render('{{#each (entries "/h/*/*")}}{{reason}} {{kind}} {{key}} {{tag}}{{/each}}', { store }).text).toBe(
      "first k /h/k/a a",
    );
  });

  test("have their servers in one form, an IPv6 host in brackets", () => {
    const servers = [
      { host: "::1", port: 1, weight: 0 },
      { host: "h", port: 2, backup: true },
      { host: "::1", port: 1 },
    ];
    const store = { "/h/k/a": entry("x", 1), "/h/k/b": entry("y", 2, { servers }) };
    const template =
      '{{#each (entries "/h/*/*")}}{{#each servers}}{{address}} {{first}} {{backup}}{{#if weight includeZero=true}} w{{weight}}{{/if}};{{/each}}{{/each}}';
    const { text, warnings } = render(template, { store });
    expect(text).toBe("10.0.0.1:3306 true false;[::1]:1 true false w0;h:2 false true;");
    expect(warnings).toEqual(["/h/k/b names a server twice"]);
  });
});

describe("partials", () => {
  test("see the present object, another one, or one with more fields", () => {
    const files = { "partials/p.hbs": "<{{a}}{{b}}>" };
    const template = "{{#with (dict a=1 b=2)}}{{> p}}{{> p (dict a=3 b=4)}}{{> p b=5}}{{/with}}";
    expect(render(template, { files }).text).toBe("<12><34><15>");
  });

  test("are found as NAME.hbs, NAME.cfg.hbs and NAME, and indented with their line", () => {
    const files = { "partials/a.hbs": "a\n", "partials/b.cfg.hbs": "b\nb\n", "partials/c": "c\n" };
    expect(render("{{> a}}\n  {{> b}}\n{{> c}}\nend", { files }).text).toBe("a\n  b\n  b\nc\nend");
  });

  test("name their own file and line in errors, while compiling and while rendering", () => {
    expect(failure("\n\n{{> p}}", { files: { "partials/p.hbs": "\n{{nohelper 1}}" } }).message).toMatch(
      /^partials\/p\.hbs:2: /,
    );
    expect(failure("\n\n{{> p}}", { files: { "partials/p.hbs": "\n{{nothing}}" } }).message).toMatch(
      /^partials\/p\.hbs:2: /,
    );
    expect(failure("\n\n{{> p}}", { files: { "partials/p.hbs": "{{#if}}" } }).message).toMatch(/^partials\/p\.hbs:1: /);
  });

  test("that contain each other are an error that shows the circle", () => {
    const files = { "partials/a.hbs": "{{> b}}", "partials/b.hbs": "{{> a}}" };
    expect(failure("{{> a}}", { files }).message).toBe(
      "partials/b.hbs:1: {{> a}}: partials contain each other: main.cfg → partials/a.hbs → partials/b.hbs → partials/a.hbs",
    );
  });

  test("cannot leave their folder, nor templates theirs", () => {
    expect(failure("{{> ../main}}").message).toContain("leads out of");
    expect(failure('{{include "../secret"}}').message).toContain("leads out of");
  });

  test("that would need Handlebars' own runtime are refused in words", () => {
    expect(failure("{{#> p}}x{{/p}}").message).toContain("not supported");
    expect(failure('{{#*inline "p"}}x{{/inline}}').message).toContain("not supported");
    expect(failure("{{> (lookup this 1)}}").hint).toContain("include");
  });
});

describe("include", () => {
  test("renders another template with the object it is given, escaped once", () => {
    const files = { "part/x.txt": "[{{a}}]" };
    expect(render('{{include "part/x.txt" (dict a="b c")}}', { files }).text).toBe("[b\\ c]");
  });

  test("of one file with two objects gives two texts, also for entries inside it", () => {
    const store = { "/h/k/a": entry("x", 1) };
    const files = { "part.txt": '{{#each (entries "/h/*/*")}}{{name}}{{../n}} {{/each}}' };
    expect(render('{{include "part.txt" (dict n=1)}}{{include "part.txt" (dict n=2)}}', { store, files }).text).toBe(
      "x1 x2 ",
    );
  });

  test("of a file inside itself is an error that shows the circle", () => {
    const files = { "a.txt": '{{include "b.txt"}}', "b.txt": '{{include "a.txt"}}' };
    expect(failure('{{include "a.txt"}}', { files }).message).toContain("main.cfg → a.txt → b.txt → a.txt");
    expect(failure('{{include "main.cfg"}}').message).toContain("main.cfg → main.cfg");
  });
});

test("numbers out of the store cannot make a render endless", () => {
  expect(failure('{{seq 1 (getv "/n")}}', { store: { "/n": "999999999" } }).message).toContain(
    "more than 100000 numbers",
  );
  expect(failure('{{repeat (getv "/n") "x"}}', { store: { "/n": "999999999" } }).message).toContain(
    "more than 100000 characters",
  );
});

test("quotes in a file for HAProxy are HAProxy's", () => {
  const store = { "/x": 'it\'s a "$b"', "/e": "" };
  expect(render('{{quote (getv "/x")}} {{squote (getv "/x")}} {{quote (getv "/e")}}', { store }).text).toBe(
    `"it\\x27s\\ a\\ \\"\\x24b\\"" 'it'\\''s a "$b"' ""`,
  );
});
