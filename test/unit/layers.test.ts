import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Who imports what; each line becomes a file of its own in the place it names. */
const FORBIDDEN: readonly [from: string, statement: string][] = [
  ["src/core", 'import { x } from "../lib/x.ts";'],
  ["src/core", 'import type { X } from "../stores/x.ts";'],
  ["src/core", 'import { setTimeout } from "node:timers/promises";'],
  ["src/lib", 'import { x } from "../stores/x.ts";'],
  ["src/lib", 'import { x } from "../check/x.ts";'],
  ["src/stores", 'import { x } from "../haproxy/x.ts";'],
  ["src/stores", 'export { x } from "../app/x.ts";'],
  ["src/stores", 'import { setTimeout } from "node:timers/promises";'],
  ["src/haproxy", 'const { x } = await import("../templating/x.ts");'],
  ["src/templating", 'import { x } from "../render/x.ts";'],
  ["src/config", 'import { x } from "../stores/x.ts";'],
  ["src/observe", 'import { x } from "../agent/x.ts";'],
  ["src/stores", 'import { x } from "../../checkers/x.ts";'],
  ["checkers", 'import { x } from "../src/stores/x.ts";'],
  ["checkers", 'import { x } from "../src/check/x.ts";'],
  ["checkers/redis", 'import { x } from "../../src/check/x.ts";'],
  ["checkers/redis", 'import { x } from "../memcached.ts";'],
  ["src/check", 'import { x } from "../stores/x.ts";'],
  ["src/check", 'import { x } from "../../checkers/x.ts";'],
  ["src/render", 'import { x } from "../haproxy/x.ts";'],
  ["src/render", 'import { x } from "../check/x.ts";'],
  ["src/agent", 'import { x } from "../app/x.ts";'],
  ["src/app", 'import { x } from "../cli/x.ts";'],
  ["src/app", 'import { x } from "../../test/support/x.ts";'],
  ["src/cli", 'import { x } from "../../tour/x.ts";'],
];

const ALLOWED: readonly [from: string, statement: string][] = [
  ["src/core", 'import { x } from "./x.ts";'],
  ["src/lib", 'import { x } from "../core/x.ts";'],
  ["src/lib", 'import { setTimeout } from "node:timers/promises";'],
  ["src/stores", 'import { x } from "../core/x.ts";'],
  ["src/stores", 'import { x } from "../lib/x.ts";'],
  ["src/stores", 'import { x } from "./x.ts";'],
  ["checkers", 'import { x } from "../src/core/x.ts";'],
  ["checkers", 'import { x } from "../src/lib/x.ts";'],
  ["checkers/redis", 'import { x } from "../../src/lib/x.ts";'],
  ["src/render", 'import { x } from "../core/x.ts";'],
  ["src/check", 'import { x } from "../lib/x.ts";'],
  ["src/app", 'import { x } from "../stores/x.ts";'],
  ["src/app", 'import { x } from "../../checkers/x.ts";'],
  ["src/cli", 'import { x } from "../app/x.ts";'],
  ["test/unit", 'import { x } from "../../src/app/x.ts";'],
];

/** By `folder: statement`. */
let refused: ReadonlySet<string>;

beforeAll(() => {
  const root = tempDir("layers");
  for (const name of ["biome.json", ".gitignore", "package.json"]) copyFileSync(join(ROOT, name), join(root, name));
  const files = [...FORBIDDEN, ...ALLOWED].map(([from, statement], at) => {
    const path = join(from, `file-${at}.ts`);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${statement}\n`);
    return { path, rule: `${from}: ${statement}` };
  });
  const report = lint(root);
  refused = new Set(files.filter(({ path }) => report.includes(path)).map(({ rule }) => rule));
});

describe("an import that points up or sideways is refused by the linter", () => {
  test.each(FORBIDDEN)("%s: %s", (from, statement) => {
    expect(refused).toContain(`${from}: ${statement}`);
  });
});

describe("an import that points down is not", () => {
  test.each(ALLOWED)("%s: %s", (from, statement) => {
    expect(refused).not.toContain(`${from}: ${statement}`);
  });
});

function lint(root: string): string {
  const biome = join(ROOT, "node_modules/.bin/biome");
  const options = ["--only=style/noRestrictedImports", "--reporter=github", "--max-diagnostics=none"];
  const { status, stdout, stderr } = spawnSync(biome, ["lint", ...options, "."], { cwd: root, encoding: "utf8" });
  if (status !== 1 || !stdout.includes("noRestrictedImports"))
    throw new Error(`biome did not lint: ${stdout}${stderr}`);
  return stdout;
}
