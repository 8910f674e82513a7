import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, expect, test } from "vitest";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** A checkout of our own, with sources that are small and quick to build. */
let checkout: string;

beforeEach(() => {
  checkout = tempDir("checkout");
  for (const name of ["node_modules", "package.json", "package-lock.json"]) {
    symlinkSync(join(ROOT, name), join(checkout, name));
  }
  mkdirSync(join(checkout, "checkers"));
  source("app/import-file.ts", "export const importFile = (name: string) => import(name);");
  for (const name of ["confd-haproxy", "render", "checkers"]) program(name, "first");
});

function source(name: string, text: string): void {
  const file = join(checkout, "src", name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
}

/** Says `word`, by a package that it loads late. */
function program(name: string, word: string): void {
  source(`cli/${name}.ts`, `import("picocolors").then((late) => console.log("${word}", typeof late.default.red));`);
}

/** Resolves to what went wrong, "" for nothing. */
async function build(): Promise<string> {
  try {
    await run(process.execPath, [join(ROOT, "scripts/build.mjs")], { cwd: checkout });
    return "";
  } catch (error) {
    return error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  }
}

async function says(name: string): Promise<string> {
  const { stdout } = await run(process.execPath, [join(checkout, "dist", `${name}.js`)]);
  return stdout;
}

const leftovers = () => readdirSync(checkout).filter((name) => name.startsWith("dist."));

test("a build replaces what is there, and takes away what no build makes any more", async () => {
  expect(await build()).toBe("");
  program("render", "second");
  for (const name of ["dist/old.js", "dist/lazy/old.js"]) writeFileSync(join(checkout, name), "");
  expect(await build()).toBe("");
  expect(await Promise.all(["render", "checkers"].map(says))).toEqual(["second function\n", "first function\n"]);
  expect(readdirSync(join(checkout, "dist")).sort()).toEqual([
    ...["checkers.js", "confd-haproxy.js", "lazy", "package.json", "render.js"],
  ]);
  expect(existsSync(join(checkout, "dist/lazy/old.js"))).toBe(false);
  expect(statSync(join(checkout, "dist/render.js")).mode & 0o777).toBe(0o755);
  expect(leftovers()).toEqual([]);
});

test("a build that fails says why and leaves the one before as it was", async () => {
  expect(await build()).toBe("");
  for (const name of ["checkers", "render"]) program(name, "second");
  source("cli/confd-haproxy.ts", 'import "./not-there.ts";');
  expect(await build()).toContain('Could not resolve "./not-there.ts"');
  expect(await Promise.all(["confd-haproxy", "render", "checkers"].map(says))).toEqual(
    Array(3).fill("first function\n"),
  );
  expect(leftovers()).toEqual([]);
});

test("a build takes away what one that was killed has left, and nothing of one that runs", async () => {
  const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await new Promise((resolve) => gone.once("exit", resolve));
  for (const pid of [gone.pid, process.pid]) mkdirSync(join(checkout, `dist.tmp-${pid}`));
  expect(await build()).toBe("");
  expect(leftovers()).toEqual([`dist.tmp-${process.pid}`]);
});

test("whoever runs a program while it is built again gets the old one or the new one, whole", async () => {
  expect(await build()).toBe("");
  program("checkers", "second");
  let building = true;
  const ended = build().finally(() => {
    building = false;
  });
  const said: string[] = [];
  while (building) said.push(await says("checkers"));
  expect(await ended).toBe("");
  said.push(await says("checkers"));
  expect(said.length).toBeGreaterThan(1);
  expect(said.at(-1)).toBe("second function\n");
  expect(new Set(["first function\n", ...said])).toEqual(new Set(["first function\n", "second function\n"]));
});
