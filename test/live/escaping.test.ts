import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isHost } from "../../src/core/entry.ts";
import { AppError } from "../../src/core/errors.ts";
import type { Pair } from "../../src/core/store.ts";
import type { Escape } from "../../src/core/template-engine.ts";
import { createTemplateEngine } from "../../src/templating/engine.ts";
import { haproxyPlace, startHaproxy } from "../support/haproxy.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { tempDir } from "../support/temp-dir.ts";

const shipped = join(import.meta.dirname, "../../templates");

/** What HAProxy's tokenizer and its configuration language give a meaning to. */
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: HAProxy reads these, JavaScript does not
const loaded = fc.constantFrom(
  ...[
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\u007f",
    "\u0085",
    "\u00a0",
    "\u2028",
    '"',
    "'",
    "\\",
    "\\\\",
    "#",
    "$",
    "`",
    "é",
    "🙂",
  ],
  ...[
    "$HOME",
    "${HOME}",
    "${HOME[*]}",
    '"$HOME"',
    "\\x41",
    "\\x4",
    "\\n",
    "\\ ",
    "[*]",
    "[scope]",
    "[::1]:80",
    "%[env(HOME)]",
    "-f",
    "!",
  ],
  ...[
    "\nlisten evil\n bind 127.0.0.1:1\n",
    "\n server evil 127.0.0.1:1\n",
    ".if true",
    ".notice x",
    "global",
    "defaults",
    "listen",
    "server",
    "{",
    "}",
    ";",
    "|",
  ],
);
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: HAProxy reads these, JavaScript does not
const nasty = fc.oneof(
  fc
    .array(fc.oneof(loaded, fc.string({ unit: "binary", maxLength: 4 })), { maxLength: 8 })
    .map((parts) => parts.join("")),
  fc.string({ unit: "binary" }),
);
/** Other values on each run; the seed is in the name of the tests, to have the same ones again. */
const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const samples = <T>(values: fc.Arbitrary<T>, count: number): T[] => fc.sample(values, { numRuns: count, seed });

const pair = (key: string, value: string): Pair => ({ key, value, index: "1" });

/** A template in which HAProxy says back what it read: `setenv` takes one value, and `show env` prints it. */
const BARE = `{{#each (gets "/v/a*")}}
    setenv BARE{{base key}} {{#if value}}{{value}}{{else}}-{{/if}}
{{/each}}
`;
const QUOTED = `{{#each (gets "/v/a*")}}
    setenv QUOTED{{base key}} "<{{value}}>"
{{/each}}
`;
const OTHERS = `{{#each (gets "/v/a*")}}
    setenv GLUED{{base key}} <{{value}}>"{{value}}"
{{/each}}
{{#each (gets "/v/b*")}}
{{#with (json value)}}
    setenv JSON{{base ../key}} {{text}}{{number}}
{{/with}}
{{/each}}
`;

function handWritten(values: readonly string[], escaping: Escape, template = BARE + QUOTED + OTHERS): string {
  const templatesDir = tempDir("templates");
  writeFileSync(join(templatesDir, "places.cfg"), template);
  const pairs = values.flatMap((value, i) => [
    pair(`/v/a${i}`, value),
    pair(`/v/b${i}`, JSON.stringify({ text: value, number: i })),
  ]);
  const engine = createTemplateEngine({ templatesDir, env: {} });
  return engine.compile("places.cfg", escaping).render({ pairs, missing: "error" }).text;
}

/** The variables HAProxy has after reading `lines` in its global section. Throws when it refuses them. */
async function readBack(lines: string): Promise<ReadonlyMap<string, string>> {
  const prefix = await loopbackPrefix();
  const haproxy = await startHaproxy({
    config: ({ socket }) => `global
    stats socket ${socket} level admin
${lines}
defaults
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen l
    bind ${prefix}.2:20001
`,
  });
  const answer = await haproxy.cli("show env");
  await haproxy.stop();
  const variables = answer.split("\n").map((line): [string, string] => {
    const equals = line.indexOf("=");
    return [line.slice(0, equals), line.slice(equals + 1)];
  });
  return new Map(variables);
}

/** What can be written to a file at all: half of a character becomes the replacement character, as in any UTF-8. */
const written = (text: string): string => Buffer.from(text, "utf8").toString("utf8");

describe(`a value in a template of one's own (FUZZ_SEED=${seed})`, () => {
  test("is read by haproxy as exactly itself: bare, in double quotes, glued to text, and out of JSON", async () => {
    const printable = nasty.filter((value) => !/\p{Cc}/u.test(value) && value !== "");
    const values = samples(printable, 1_000);
    const read = await readBack(handWritten(values, "haproxy"));
    for (const [i, value] of values.map(written).entries()) {
      expect(read.get(`BAREa${i}`)).toBe(value);
      expect(read.get(`QUOTEDa${i}`)).toBe(`<${value}>`);
      expect(read.get(`GLUEDa${i}`)).toBe(`<${value}>${value}`);
      expect(read.get(`JSONb${i}`)).toBe(`${value}${i}`);
    }
  });

  test("is an error that names its key when it holds a control character", () => {
    const parts = fc.tuple(nasty, fc.constantFrom(..."\n\r\t\0\u001b\u007f"), nasty);
    for (const [before, control, behind] of samples(parts, 100)) {
      const render = () => handWritten(["harmless", `${before}${control}${behind}`], "haproxy");
      expect(render).toThrow(AppError);
      expect(render).toThrow(/^places\.cfg:\d+: .* from \/v\/[ab]1$/);
    }
  });

  test("is one empty word when it is empty", async () => {
    const read = await readBack(handWritten([""], "haproxy"));
    expect([read.get("QUOTEDa0"), read.get("GLUEDa0"), read.get("JSONb0")]).toEqual(["<>", "<>", "0"]);
  });

  test("would be found out by these tests if it were not escaped", async () => {
    const unescaped = (value: string, template: string) => readBack(handWritten([value], "none", template));
    expect((await unescaped("x\n    setenv EVIL yes", BARE)).get("EVIL")).toBe("yes");
    expect((await unescaped("two words", BARE)).get("BAREa0")).toBe("two");
    expect((await unescaped("$PATH", QUOTED)).get("QUOTEDa0")).not.toBe("<$PATH>");
    await expect(unescaped('a "b', QUOTED)).rejects.toThrow("unmatched quote");
  });
});

describe(`whatever is in the store, through the shipped template (FUZZ_SEED=${seed})`, () => {
  const name = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_.:-]{1,12}$/), nasty);
  // A name that is none to HAProxy and one to us would only cost a look-up in DNS.
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constant("localhost"),
    nasty.filter((text) => !isHost(text)),
  );
  const port = fc.oneof(fc.integer({ min: 20_000, max: 60_000 }), fc.integer(), nasty);
  const server = fc.record(
    { host, port, weight: fc.oneof(fc.integer({ min: 0, max: 256 }), nasty), backup: fc.oneof(fc.boolean(), nasty) },
    { requiredKeys: ["host", "port"] },
  );
  const entry = fc.record(
    {
      name,
      host,
      port,
      proxyport: port,
      servers: fc.array(server, { maxLength: 3 }),
      reason: nasty,
      key: nasty,
      kind: nasty,
    },
    { requiredKeys: ["name", "host", "port", "proxyport"] },
  );
  const good = fc.record({
    name: fc.stringMatching(/^[A-Za-z0-9_.:-]{1,12}$/),
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("localhost")),
    port: fc.integer({ min: 1, max: 65_535 }),
    proxyport: fc.integer({ min: 20_000, max: 60_000 }),
    reason: nasty,
  });
  const kind = fc.oneof(fc.constantFrom("mysqlslave", "memcached", "redismaster", "galera", "http"), nasty);
  const stored = fc.tuple(
    kind,
    fc.oneof(fc.stringMatching(/^[a-z0-9]{1,8}$/), nasty),
    fc.oneof(
      good.map((value) => JSON.stringify(value)),
      entry.map((value) => JSON.stringify(value)),
      fc.json(),
      nasty,
    ),
  );

  test("haproxy sees a section for each entry that was not warned about, its servers, and nothing else", async () => {
    const pairs = samples(stored, 1_500).map(([a, b, value]) => pair(`/haproxy/${a}/${b}`, value));
    const place = haproxyPlace();
    const address = `${await loopbackPrefix()}.2`;
    const env = { HAPROXY_BIND: address, HAPROXY_STATS_BIND: address, HAPROXY_SOCKET: place.socket, HAPROXY_USER: "-" };
    const template = createTemplateEngine({ templatesDir: shipped, env }).compile("haproxy.cfg.hbs", "haproxy");
    const unique = [...new Map(pairs.map((one) => [one.key, one])).values()].sort((x, y) => (x.key < y.key ? -1 : 1));
    const { text, warnings } = template.render({ pairs: unique, missing: "error" });
    const rendered = unique.filter(({ key }) => !isWarnedAbout(key, warnings));
    const haproxy = await startHaproxy({ place, config: text });
    const rows = (await haproxy.cli("show stat")).split("\n").slice(1);
    await haproxy.stop();
    const seen = rows
      .map((row) => row.split(",").slice(0, 2))
      .map(([proxy, what = ""]) => `${proxy} ${isSide(what) ? what : "server"}`);
    const expected = rendered.flatMap(({ value }) => intended(value));
    expect(seen.sort()).toEqual([...expected, "stats FRONTEND", "stats BACKEND"].sort());
    expect(rendered.length).toBeGreaterThan(50);
  });

  function isSide(what: string): boolean {
    return what === "FRONTEND" || what === "BACKEND";
  }

  function isWarnedAbout(key: string, warnings: readonly string[]): boolean {
    if (key.split("/").length !== 4) return true;
    return warnings.some(
      (line) => line.startsWith(`${key} is left out: `) || line.startsWith(`${JSON.stringify(key)} is left out: `),
    );
  }

  /** Proxies and servers that an entry stands for, worked out anew: the number of servers, each address once. */
  function intended(value: string): readonly string[] {
    const { name: proxy, host: first, port: firstPort, servers } = JSON.parse(value);
    const list: { host: string; port: number }[] = servers ?? [{ host: first, port: firstPort }];
    const addresses = new Set(list.map((one) => `${one.host}:${one.port}`));
    return [`${proxy} FRONTEND`, `${proxy} BACKEND`, ...[...addresses].map(() => `${proxy} server`)];
  }
});
