// Bundles the three executables into dist/. Start-up time is part of the product, which decides the shape:
// - one CommonJS file per executable: Node's ESM loader costs some milliseconds more, and each further file as well;
// - a package that is not needed by every run is a file of its own in dist/lazy/, read when its `import()` runs;
// - our own modules are never split: two copies of AppError would not know each other.
import { createHash } from "node:crypto";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const EXECUTABLES = ["confd-haproxy", "render", "checkers"];

/** What a run that finds nothing to do does not need. */
const LAZY_PACKAGES = ["diff", "execa", "memjs", "mysql2", "picocolors", "pino", "prom-client", "yaml"];

const { version } = JSON.parse(await readFile("package.json", "utf8"));
const define = { __VERSION__: JSON.stringify(version), __BUILD__: JSON.stringify(await sourcesHash()) };

/** @type {import("esbuild").BuildOptions} */
const common = {
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  // Identifiers stay: stack traces keep their names, and the load time does not change.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  // `import()` of a CommonJS file would show only its default export
  supported: { "dynamic-import": false },
  // `createRequire(import.meta.url)` is how the sources load a package late without a promise
  define: { ...define, "import.meta.url": "importMetaUrl" },
  banner: { js: 'const importMetaUrl=require("node:url").pathToFileURL(__filename).href;' },
  logLevel: "warning",
};

/** Stays as it is, in dist/lazy/ too: it imports the user's own files, ES modules among them, at run time. */
const IMPORTER = "import-file";

/** Sends the lazy packages, and the importer, to their own files. */
const lazily = {
  name: "lazily",
  setup(build) {
    build.onResolve({ filter: new RegExp(`/${IMPORTER}\\.ts$`) }, ({ kind }) =>
      kind === "entry-point" ? undefined : { path: `./lazy/${IMPORTER}.js`, external: true },
    );
    const filter = new RegExp(`^(${LAZY_PACKAGES.join("|")})$`);
    build.onResolve({ filter }, ({ path }) => ({ path: `./lazy/${path}.js`, external: true }));
  },
};

await rm("dist", { recursive: true, force: true });
try {
  await Promise.all([
    ...EXECUTABLES.map((name) =>
      build({ ...common, entryPoints: [`src/cli/${name}.ts`], outfile: `dist/${name}.js`, plugins: [lazily] }),
    ),
    build({
      ...common,
      supported: {},
      entryPoints: [`src/app/${IMPORTER}.ts`],
      outfile: `dist/lazy/${IMPORTER}.js`,
    }),
    ...LAZY_PACKAGES.map((name) => build({ ...common, stdin: reExport(name), outfile: `dist/lazy/${name}.js` })),
  ]);
} catch {
  // esbuild has already said what is wrong, and where
  process.exit(1);
}
// the package itself is ESM
await writeFile("dist/package.json", '{ "type": "commonjs" }\n');
for (const name of EXECUTABLES) await chmod(`dist/${name}.js`, 0o755);

/** Names the state of all that goes into the bundles. */
async function sourcesHash() {
  const hash = createHash("sha256").update(await readFile("package-lock.json"));
  for (const folder of ["checkers", "src"]) {
    const names = await readdir(folder, { recursive: true });
    for (const name of names.filter((name) => name.endsWith(".ts")).sort()) {
      hash.update(name).update(await readFile(`${folder}/${name}`));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

function reExport(name) {
  return { contents: `module.exports = require(${JSON.stringify(name)});`, resolveDir: ".", loader: "js" };
}
