import type { Escape, Template, TemplateEngine } from "../core/template-engine.ts";
import { systemClock } from "../lib/system-clock.ts";
import { type CodeCache, type CodeCacheOptions, createCodeCache, noCodeCache } from "./code-cache.ts";
import { compile, evaluate } from "./compile.ts";
import { createRunner, type EscapeFunction, type RunTemplate } from "./container.ts";
import { createHaproxyEscape, escapeNothing } from "./escape.ts";
import { type Helper, type HelperCall, text, wrong } from "./helper.ts";
import { createHelpers, type HelperSet } from "./helper-set.ts";
import type { Machine } from "./machine-helpers.ts";
import { createPairMemory } from "./pair-memory.ts";
import { rawText } from "./raw-text.ts";
import { markRemembered } from "./remembered-blocks.ts";
import { createScope, type Scope } from "./scope.ts";
import { refuseSingleQuotes } from "./single-quotes.ts";
import { createSourceFiles, isUnchanged, type ReadFiles } from "./source-files.ts";
import { loadTree } from "./tree.ts";

/** Where templates are, and what of the machine they see. */
export interface TemplateEngineOptions {
  /** Templates are read from here when they are compiled; partials from `partials/` in it. */
  readonly templatesDir: string;
  /** What `getenv` reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What `datetime` reads, ms since the Unix epoch; the system's clock by default. */
  readonly wallMs?: () => number;
  /** Where compiled templates are kept for the next start; without it every start compiles. */
  readonly cache?: CodeCacheOptions;
}

/**
 * Handlebars with confd's helpers. A compiled template remembers what it made of each pair.
 */
export function createTemplateEngine(options: TemplateEngineOptions): TemplateEngine {
  const { templatesDir, env, wallMs = systemClock.wallMs } = options;
  const cache = options.cache === undefined ? noCodeCache : createCodeCache(options.cache);
  return {
    compile(src, escaping) {
      const memory = createPairMemory();
      let scope: Scope | undefined;
      const current = (): Scope => {
        if (scope === undefined) throw new Error("a helper ran outside a render");
        return scope;
      };
      const run = build(src, { templatesDir, cache, escaping, machine: { env, wallMs }, current });
      return {
        render(input) {
          scope = createScope(input, escaping, memory);
          scope.including.push(src);
          try {
            return { text: run({}), warnings: [...scope.warnings] };
          } finally {
            scope = undefined;
          }
        },
      } satisfies Template;
    },
  };
}

interface BuildOptions {
  readonly templatesDir: string;
  readonly cache: CodeCache;
  readonly escaping: Escape;
  readonly machine: Machine;
  readonly current: () => Scope;
}

/** Compiles a template; those that it includes are compiled when they are first needed, and kept. */
function build(src: string, { templatesDir, cache, escaping, machine, current }: BuildOptions): RunTemplate {
  const escapeValue: EscapeFunction = escaping === "haproxy" ? createHaproxyEscape(current) : escapeNothing;
  const included = new Map<string, RunTemplate>();
  const include: Helper = {
    params: "path [context]",
    run(call) {
      const path = text(call, 0);
      const template = included.get(path) ?? runner(path);
      included.set(path, template);
      return rawText(guarded(call, path, () => template(call.args[1] ?? {})));
    },
  };
  const helpers = createHelpers({ machine, include, current });
  const runner = (path: string): RunTemplate => {
    const isMain = path === src;
    // An included file has the context it is given, which the remembered blocks of a main file do not know.
    const name = `${escaping}/${isMain ? "main" : "included"}/${path}`;
    const known = cache.read(name, (files) => isUnchanged(templatesDir, files));
    const code =
      known ??
      compileFile(path, { templatesDir, escaping, helpers, isMain, keep: (files, js) => cache.write(name, files, js) });
    return createRunner(evaluate(code), { helpers: helpers.functions, escapeValue });
  };
  return runner(src);
}

interface CompileOptions {
  readonly templatesDir: string;
  readonly escaping: Escape;
  readonly helpers: HelperSet;
  readonly isMain: boolean;
  readonly keep: (files: ReadFiles, code: string) => void;
}

function compileFile(path: string, { templatesDir, escaping, helpers, isMain, keep }: CompileOptions): string {
  const files = createSourceFiles(templatesDir);
  const tree = loadTree(files.template(path), { files, helperParams: helpers.params });
  if (escaping === "haproxy") refuseSingleQuotes(tree);
  if (isMain) markRemembered(tree, helpers.impure);
  const code = compile(tree, Object.keys(helpers.functions));
  keep(files.seen, code);
  return code;
}

/** Runs an included template, and refuses one that is inside itself. */
function guarded(call: HelperCall, path: string, run: () => string): string {
  const { including } = call.scope;
  if (including.includes(path)) throw wrong(call, `files include each other: ${[...including, path].join(" → ")}`);
  including.push(path);
  try {
    return run();
  } finally {
    including.pop();
  }
}
