import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseResource } from "../../src/config/resource-file.ts";
import { loadResources } from "../../src/config/resources.ts";
import type { TemplateResource } from "../../src/core/resource.ts";
import type { Pair } from "../../src/core/store.ts";
import type { Rendered } from "../../src/core/template-engine.ts";
import { createTemplateEngine } from "../../src/templating/engine.ts";
import { launch } from "../support/launch.ts";
import { tempDir } from "../support/temp-dir.ts";

const root = join(import.meta.dirname, "../..");
const golden = (name: string) => readFileSync(join(import.meta.dirname, name), "utf8");
const entries: readonly [string, string][] = Object.entries(JSON.parse(golden("entries.json")));

const main = loadResources(root, { prefix: "" });
const examples = ["haproxy_mysql", "haproxy_memcached"].map((name) => {
  const file = join(root, `conf.d/${name}.toml.example`);
  return parseResource({ file, name, text: readFileSync(file, "utf8"), globalPrefix: "" });
});

/** What the resource's template sees: the pairs below its keys, with a slash in front. */
function pairsOf(resource: TemplateResource): readonly Pair[] {
  return entries
    .filter(([key]) => resource.keys.some((prefix) => key.startsWith(prefix)))
    .map(([key, value]) => ({ key: `/${key}`, value, index: "1" }));
}

function render(resource: TemplateResource, pairs: readonly Pair[]): Rendered {
  const engine = createTemplateEngine({ templatesDir: join(root, "templates"), env: {} });
  return engine.compile(resource.src, resource.escape).render({ pairs, missing: "error" });
}

async function check(text: string): Promise<{ code: number | null; output: string }> {
  const path = join(tempDir("golden"), "haproxy.cfg");
  writeFileSync(path, text);
  const haproxy = launch("haproxy", ["-c", "-f", path]);
  const { code } = await haproxy.exited;
  return { code, output: haproxy.stderr() };
}

test("conf.d as it is shipped loads whole, and is the one haproxy.cfg", () => {
  expect(main.map((resource) => [resource.name, resource.dest, resource.escape])).toEqual([
    ["haproxy", "/etc/haproxy/haproxy.cfg", "haproxy"],
  ]);
});

test("the single-kind resources can be taken beside it: no dest is the same, every command checks the staged file", () => {
  const all = [...main, ...examples];
  expect(new Set(all.map((resource) => resource.dest)).size).toBe(3);
  for (const resource of all) expect(resource.checkCmd).toBe("haproxy -c -f {{src}}");
});

describe.each([...main, ...examples].map((resource) => [resource.name, resource] as const))("%s", (name, resource) => {
  test("renders to the committed file", () => {
    expect(render(resource, pairsOf(resource)).text).toBe(golden(`${name}.cfg`));
  });

  test("is accepted by haproxy without a word", async () => {
    expect(await check(render(resource, pairsOf(resource)).text)).toEqual({ code: 0, output: "" });
  });

  test("is accepted by haproxy without a word when the store is empty", async () => {
    expect(await check(render(resource, []).text)).toEqual({ code: 0, output: "" });
  });
});

test("an entry that is none, one that is in the way of another, and a doubled server are named and cost nobody else", () => {
  const [resource] = main;
  if (resource === undefined) throw new Error("nothing is shipped");
  expect([...render(resource, pairsOf(resource)).warnings].sort()).toEqual([
    "/haproxy/memcached/same-port is left out: /haproxy/memcached/mem11211 has the proxyport 16211 too",
    '/haproxy/mysqlslave/broken is left out: "name" must be a word of letters, digits and _.:- (is "two words")',
    "/haproxy/mysqlslave/slave3302 names a server twice",
    "/haproxy/redismaster/stats is left out: the template itself has the name stats too",
  ]);
});
