import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { launch } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = join(ROOT, "packaging/examples/ready-line.mjs");

/** A service as a process of its own, so that it can be killed: it answers each line with what its second argument says. */
const SERVICE = `
const [host, answer] = process.argv.slice(2);
require("node:net").createServer((socket) => socket.on("error", () => {}).once("data", () => socket.end(answer + "\\n")))
  .listen(7000, host, () => process.stdout.write("listening"));
`;

async function startService(host: string, answer: string) {
  const file = join(folderWith({ "service.cjs": SERVICE }), "service.cjs");
  const service = launch(process.execPath, [file, host, answer], { endWith: "SIGKILL" });
  await eventually("the service listens", () => service.stdout().includes("listening"));
  return service;
}

describe("the example of docs/write-your-own-checker.md", () => {
  test("is the file that is shipped, word for word", () => {
    const page = readFileSync(join(ROOT, "docs/write-your-own-checker.md"), "utf8");
    expect(page).toContain(`\`\`\`js\n${readFileSync(EXAMPLE, "utf8")}\`\`\`\n`);
  });

  test("passes over a server that drains, and moves the entry when the published one is killed and when it hangs", async () => {
    const prefix = await loopbackPrefix();
    const hosts = [2, 3, 4, 5].map((last) => `${prefix}.${last}`);
    const [draining, first, second, third] = hosts as [string, string, string, string];
    await startService(draining, "draining");
    const [one, two] = [await startService(first, "ready"), await startService(second, "ready")];
    await startService(third, "ready");
    const folder = tempDir("entries");
    const entry = () => JSON.parse(readFileSync(join(folder, "haproxy/ready-line/app7000"), "utf8"));
    const servers = hosts.map((host) => `${host}:7000`).join(",");
    const args = ["--plugin", EXAMPLE, "--tag", "app7000", "--server", servers, "--store", `file:${folder}`];
    const checker = startProgram("checkers", ["ready-line", ...args]);
    const published = { name: "app7000", port: 7_000, proxyport: 17_000 };
    await eventually("the first that is ready is published", () => entry().host === first);
    expect(entry()).toEqual({ ...published, host: first });
    await untilLogged(checker, new RegExp(`${draining}:7000 is draining`));
    await one.kill();
    await eventually("the next one is published", () => entry().host === second);
    two.pause();
    await eventually("the one after that is published", () => entry().host === third);
    expect(await checker.stop()).toEqual({ code: 0, signal: null });
  });

  test("shows its options in help", async () => {
    const { stdout } = await runProgram("checkers", ["ready-line", "--plugin", EXAMPLE, "--help"]);
    expect(stdout).toMatch(/Publishes the first server in the list that answers the line status with\s+ready/);
    expect(stdout).toMatch(/--question <VALUE> +the line that is sent \(default status\)/);
    const overview = await runProgram("checkers", ["--help", `--plugin=${EXAMPLE}`]);
    expect(overview.stdout).toMatch(/ {2}ready-line +publishes the first server/);
  });
});

describe("a plugin may be", () => {
  const BODY = `{
    kind: "mine", summary: "x", proxyportOffset: 0, options: [],
    create: () => ({
      discover: async () => [{ host: "h", port: 1 }],
      open: () => ({ check: async () => ({ state: "up", reason: "it is mine" }), close: async () => {} }),
      close: async () => {},
    }),
  }`;
  const once = async (name: string, text: string, more: Record<string, string> = {}) => {
    const folder = folderWith({ [name]: text, ...more });
    const store = ["--store", `file:${folder}/kv`];
    return runProgram("checkers", ["mine", "--plugin", join(folder, name), "--tag", "t", "--once", ...store]);
  };

  test.each([
    ["an ES module", "x.mjs", `export const checker = ${BODY};`, {}],
    [
      "an ES module by its package",
      "x.js",
      `export const checker = ${BODY};`,
      { "package.json": '{ "type": "module" }' },
    ],
    ["CommonJS", "x.cjs", `exports.checker = ${BODY};`, {}],
    ["CommonJS in a .js file", "x.js", `module.exports = { checker: ${BODY} };`, {}],
    [
      "CommonJS whose exports cannot be guessed",
      "x.cjs",
      `const e = {}; e["check" + "er"] = ${BODY}; module.exports = e;`,
      {},
    ],
    [
      "a module with imports of its own",
      "x.mjs",
      `import { body } from "./body.mjs"; export const checker = body;`,
      {
        "body.mjs": `export const body = ${BODY};`,
      },
    ],
  ])("%s", async (_, name, text, more) => {
    const { code, stdout, stderr } = await once(name, text, more as Record<string, string>);
    expect(stderr).toBe("");
    expect(stdout).toContain("h:1  up      it is mine");
    expect(code).toBe(0);
  });

  test("several at once, with commas or by repeating the option", async () => {
    const other = BODY.replace('"mine"', '"other"');
    const folder = folderWith({
      "a.mjs": `export const checker = ${BODY};`,
      "b.mjs": `export const checker = ${other};`,
    });
    const [a, b] = [join(folder, "a.mjs"), join(folder, "b.mjs")];
    for (const plugins of [
      ["--plugin", `${a},${b}`],
      ["--plugin", a, "--plugin", b],
    ]) {
      const { stdout } = await runProgram("checkers", ["--help", ...plugins]);
      expect(stdout).toMatch(/ {2}mine +publishes[\s\S]* {2}other +publishes/);
    }
  });
});

describe("a plugin that cannot be used is exit code 2 and one clear line", () => {
  const good = `kind: "mine", summary: "x", proxyportOffset: 0, options: [], create() {}`;
  test.each([
    ["export const other = 1;", /x\.mjs: it exports no `checker`/],
    ["export const checker = 1;", /its `checker` is not an object/],
    [`export const checker = { ${good.replace('"mine"', '"my kind"')} };`, /checker\.kind must be a word/],
    [`export const checker = { ${good.replace('summary: "x",', "")} };`, /checker\.summary must be a string/],
    [
      `export const checker = { ${good.replace("Offset: 0", 'Offset: "0"')} };`,
      /proxyportOffset must be a whole number/,
    ],
    [`export const checker = { ${good.replace("create() {}", "")} };`, /checker\.create must be a function/],
    [`export const checker = { ${good.replace("[]", "{}")} };`, /checker\.options must be a list/],
    [
      `export const checker = { ${good.replace("[]", '[{ name: "Host" }]')} };`,
      /options\[0\] must have a name of small letters/,
    ],
    [
      `export const checker = { ${good.replace("[]", '[{ name: "host", type: "word" }]')} };`,
      /options\[0\] \(host\) must have a type: one of/,
    ],
    [
      `export const checker = { ${good.replace("[]", '[{ name: "token", type: "string", description: "" }]')} };`,
      /options\[0\]: the name "token" is taken/,
    ],
    [`export const checker = { ${good.replace('"mine"', '"memcached"')} };`, /there is a checker "memcached" already/],
    [`export const checker = { ${good} };`, /mine: create\(\) must return a service with the method discover/],
    [
      `export const checker = { ${good.replace("create() {}", "create: () => ({ discover() {}, open() {}, close: () => new Promise(() => {}) })")} };`,
      /mine: a service that was never used cannot be closed: close\(\) took longer than 1000 ms/,
    ],
    [
      `export const checker = { ${good.replace("create() {}", 'create() { throw new Error("no host") }')} };`,
      /mine: create\(\) failed: no host/,
    ],
    ["export const checker = ;", /cannot be loaded: Unexpected token/],
    ['import "./nowhere.mjs";', /cannot be loaded: Cannot find module/],
  ])("%s", async (text, says) => {
    const file = join(folderWith({ "x.mjs": text }), "x.mjs");
    const { code, stderr } = await runProgram("checkers", ["mine", "--plugin", file, "--tag", "t"]);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain("    at ");
    expect(code).toBe(2);
  });
});
