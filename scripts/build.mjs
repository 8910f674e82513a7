// Bundles the three executables into dist/: one file each and shared chunks, so that starting reads few files and
// a heavy client is read only when its `await import()` runs.
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { build } from "esbuild";

const ENTRIES = ["src/cli/confd-haproxy.ts", "src/cli/render.ts", "src/cli/checkers.ts"];

/** How a bundled CommonJS package gets at Node's own modules; ESM has no `require`. */
const REQUIRE = 'import{createRequire as $cr}from"node:module";const require=$cr(import.meta.url);\n';

const { version } = JSON.parse(await readFile("package.json", "utf8"));

const { outputFiles } = await build({
  entryPoints: ENTRIES,
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  // Identifiers stay: stack traces keep their names, and the load time does not change.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  chunkNames: "chunks/[name]-[hash]",
  define: { __VERSION__: JSON.stringify(version) },
  logLevel: "warning",
  write: false,
}).catch(exitQuietly);

await rm("dist", { recursive: true, force: true });
for (const { path, text } of outputFiles) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, withRequire(text));
  if (text.startsWith("#!")) await chmod(path, 0o755);
}

/** Gives `require` to the one chunk in which esbuild looks for it; the others do without. */
function withRequire(text) {
  return text.includes("typeof require") ? text.replace(/^(#!.*\n)?/, (shebang) => shebang + REQUIRE) : text;
}

/** esbuild has already said what is wrong, and where. */
function exitQuietly() {
  process.exit(1);
}
