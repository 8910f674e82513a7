import type { Escape, Template, TemplateEngine } from "../core/template-engine.ts";
import { systemClock } from "../lib/system-clock.ts";
import { compile } from "./compile.ts";
import { createRunner, type EscapeFunction, type RunTemplate } from "./container.ts";
import { createHaproxyEscape, escapeNothing } from "./escape.ts";
import { type Helper, type HelperCall, text, wrong } from "./helper.ts";
import { createHelpers } from "./helper-set.ts";
import { createPairMemory } from "./pair-memory.ts";
import { rawText } from "./raw-text.ts";
import { markRemembered } from "./remembered-blocks.ts";
import { createScope, type Scope } from "./scope.ts";
import { createSourceFiles, type SourceFile } from "./source-files.ts";
import { loadTree } from "./tree.ts";

/** Where templates are, and what of the machine they see. */
export interface TemplateEngineOptions {
  /** Templates are read from here when they are compiled; partials from `partials/` in it. */
  readonly templatesDir: string;
  /** What `getenv` reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What `datetime` reads, ms since the Unix epoch; the system's clock by default. */
  readonly wallMs?: () => number;
}

/**
 * Handlebars with confd's helpers. A compiled template remembers what it made of each pair.
 */
export function createTemplateEngine(options: TemplateEngineOptions): TemplateEngine {
  const { templatesDir, env, wallMs = systemClock.wallMs } = options;
  const files = createSourceFiles(templatesDir);
  return {
    compile(src, escaping) {
      const memory = createPairMemory();
      let scope: Scope | undefined;
      const current = (): Scope => {
        if (scope === undefined) throw new Error("a helper ran outside a render");
        return scope;
      };
      const run = build(src, { files, escaping, machine: { env, wallMs }, current });
      return {
        render(input) {
          scope = createScope(input, escaping, memory);
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
  readonly files: ReturnType<typeof createSourceFiles>;
  readonly escaping: Escape;
  readonly machine: Parameters<typeof createHelpers>[0]["machine"];
  readonly current: () => Scope;
}

/** Compiles a template; those that it includes are compiled when they are first needed, and kept. */
function build(src: string, { files, escaping, machine, current }: BuildOptions): RunTemplate {
  const escapeValue: EscapeFunction = escaping === "haproxy" ? createHaproxyEscape(current) : escapeNothing;
  const main = files.template(src);
  const included = new Map<string, RunTemplate>();
  const include: Helper = {
    params: "path [context]",
    run(call) {
      const path = text(call, 0);
      const template = included.get(path) ?? runner(files.template(path));
      included.set(path, template);
      return rawText(guarded(call, path, () => template(call.args[1] ?? {})));
    },
  };
  const helpers = createHelpers({ machine, include, current });
  const runner = (file: SourceFile): RunTemplate => {
    const tree = loadTree(file, { files, helperParams: helpers.params });
    if (file === main) markRemembered(tree, helpers.impure);
    return createRunner(compile(tree, Object.keys(helpers.functions)), { helpers: helpers.functions, escapeValue });
  };
  return runner(main);
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
