import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseResource } from "../../src/config/resource-file.ts";
import type { Snapshot } from "../../src/core/store.ts";
import { createView } from "../../src/render/view.ts";
import { createTemplateEngine } from "../../src/templating/engine.ts";

const root = join(import.meta.dirname, "../..");

/** What the shipped haproxy.toml, which watches all of `haproxy/`, makes of these keys. */
function render(keys: Readonly<Record<string, string>>) {
  const file = join(root, "conf.d/haproxy.toml");
  const resource = parseResource({ file, name: "haproxy", text: readFileSync(file, "utf8"), globalPrefix: "" });
  const pairs = Object.entries(keys)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, value, index: "1" }));
  const snapshots = new Map<string, Snapshot>(resource.keys.map((prefix) => [prefix, { prefix, pairs }]));
  const engine = createTemplateEngine({ templatesDir: join(root, "templates"), env: {} });
  const seen = createView(resource).pairs(snapshots) ?? [];
  return engine.compile(resource.src, resource.escape).render({ pairs: seen, missing: "error" });
}

test("an announced HAProxy changes nothing in the one haproxy.cfg, and is no reason for a warning there", () => {
  const entries = {
    "haproxy/galera/g": JSON.stringify({ name: "g", host: "10.0.0.1", port: 3306, proxyport: 13_306 }),
    "haproxy/redismaster/r": JSON.stringify({ name: "r", host: "10.0.0.2", port: 6379, proxyport: 16_379 }),
  };
  const peer = JSON.stringify({ name: "lb1", host: "10.0.0.9", port: 10_000 });
  const without = render(entries);
  expect(without.text).toContain("listen g");
  expect(render({ ...entries, "haproxy/peers/lb1": peer, "haproxy/peers/lb2": "x" })).toEqual(without);
});
