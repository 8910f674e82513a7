import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseResource } from "../../src/config/resource-file.ts";
import { createTemplateEngine } from "../../src/templating/engine.ts";
import { docBlocks } from "../support/docs.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { launch } from "../support/launch.ts";
import { tempDir } from "../support/temp-dir.ts";

const root = join(import.meta.dirname, "../..");
const file = join(root, "conf.d/galera.toml.example");
const resource = parseResource({ file, name: "galera", text: readFileSync(file, "utf8"), globalPrefix: "" });

const servers = ["10.0.0.11", "10.0.0.12", "2001:db8::13"].map((host) => ({ host, port: 3306 }));
const PAIRS = {
  "/haproxy/galera/orders": { name: "orders", host: "10.0.0.11", port: 3306, proxyport: 13306, servers },
  "/haproxy/peers/lb1": { name: "lb1", host: "127.0.0.1", port: 10_000 },
  "/haproxy/peers/lb2": { name: "lb2", host: "2001:db8::6", port: 10_000, socket: "[2001:db8::6]:9999" },
};

function render(env: Readonly<Record<string, string>>): string {
  const engine = createTemplateEngine({ templatesDir: join(root, "templates"), env });
  const pairs = Object.entries(PAIRS).map(([key, value]) => ({ key, value: JSON.stringify(value), index: "1" }));
  return engine.compile(resource.src, resource.escape).render({ pairs, missing: "error" }).text;
}

async function check(binary: string, text: string): Promise<{ code: number | null; output: string }> {
  const path = join(tempDir("golden"), "haproxy.cfg");
  writeFileSync(path, text);
  const haproxy = launch(binary, ["-c", "-L", "lb1", "-f", path]);
  const { code } = await haproxy.exited;
  return { code, output: haproxy.stderr() };
}

describe("galera.toml.example", () => {
  test("renders to the committed file", () => {
    expect(render({})).toBe(readFileSync(join(import.meta.dirname, "galera.cfg"), "utf8"));
  });

  test.each(haproxyBinaries())(
    "is accepted without a word, HAProxy $version, with and without an agent",
    async ({ binary }) => {
      expect(await check(binary, render({}))).toEqual({ code: 0, output: "" });
      expect(await check(binary, render({ GALERA_AGENT_PORT: "-" }))).toEqual({ code: 0, output: "" });
    },
  );

  test("is what the page explains, line by line", () => {
    const rendered = render({}).split("\n");
    const [page = ""] = docBlocks("peers.md", "haproxy");
    const explained = page.split("\n").filter((line) => !line.includes("peer lb"));
    expect(explained.filter((line) => !rendered.includes(line))).toEqual([]);
  });
});
