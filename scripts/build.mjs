// Bundles the three executables into dist/. Start-up time is part of the product, which decides the shape:
// - one CommonJS file per executable: Node's ESM loader costs some milliseconds more, and each further file as well;
// - a package that is not needed by every run is a file of its own in dist/lazy/, read when its `import()` runs;
// - our own modules are never split: two copies of AppError would not know each other.
// It is built beside dist/ and moved in file by file: whoever runs dist/ meanwhile finds it whole at each moment.
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { build } from "esbuild";

const EXECUTABLES = ["confd-haproxy", "render", "checkers"];

/** What a run that finds nothing to do does not need. */
const LAZY_PACKAGES = ["diff", "execa", "memjs", "mysql2", "pg", "picocolors", "pino", "prom-client", "yaml"];

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

const BESIDE = /^dist\.tmp-(\d+)$/;
const stage = `dist.tmp-${process.pid}`;

await sweep();
try {
  await buildInto(stage);
  await moveIn(stage);
} catch (error) {
  // esbuild has already said what is wrong, and where
  if (!("errors" in error)) console.error(error);
  process.exitCode = 1;
} finally {
  await rm(stage, { recursive: true, force: true });
}

async function buildInto(folder) {
  // The others still write when one has failed.
  const bundles = await Promise.allSettled([
    ...EXECUTABLES.map((name) =>
      build({ ...common, entryPoints: [`src/cli/${name}.ts`], outfile: `${folder}/${name}.js`, plugins: [lazily] }),
    ),
    build({
      ...common,
      supported: {},
      entryPoints: [`src/app/${IMPORTER}.ts`],
      outfile: `${folder}/lazy/${IMPORTER}.js`,
    }),
    ...LAZY_PACKAGES.map((name) => build({ ...common, stdin: reExport(name), outfile: `${folder}/lazy/${name}.js` })),
  ]);
  const failure = bundles.find(({ status }) => status === "rejected");
  if (failure !== undefined) throw failure.reason;
  // the package itself is ESM
  await writeFile(`${folder}/package.json`, '{ "type": "commonjs" }\n');
  for (const name of EXECUTABLES) await chmod(`${folder}/${name}.js`, 0o755);
}

/** The executables come last: what a new one loads is there before it. What no build makes any more goes at the end. */
async function moveIn(folder) {
  const programs = EXECUTABLES.map((name) => `${name}.js`);
  const built = await filesOf(folder);
  for (const name of [...built.filter((name) => !programs.includes(name)), ...programs]) {
    await mkdir(dirname(`dist/${name}`), { recursive: true });
    await rename(`${folder}/${name}`, `dist/${name}`);
  }
  for (const name of await filesOf("dist")) {
    if (!built.includes(name)) await rm(`dist/${name}`, { force: true });
  }
}

/** Paths below a folder. */
async function filesOf(folder) {
  const names = await readdir(folder, { recursive: true });
  const stats = await Promise.all(names.map((name) => lstat(`${folder}/${name}`)));
  return names.filter((_, at) => !stats[at].isDirectory());
}

/** Of builds that were killed. */
async function sweep() {
  for (const name of await readdir(".")) {
    const pid = BESIDE.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(name, { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

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
