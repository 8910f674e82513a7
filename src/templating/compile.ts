import { createRequire } from "node:module";
import type { CompiledTemplate } from "./container.ts";
import type { Analyser, CodeWriter, HandlebarsEnvironment } from "./handlebars-api.ts";
import type { Program } from "./syntax-tree.ts";

/** The form of compiled templates that `container.ts` can run. */
export const COMPILER_REVISION = 8;

let loaded: HandlebarsEnvironment | undefined;

/**
 * An environment of our own: nothing that other code registers or changes in Handlebars reaches it. Loaded when the
 * first template must be compiled, and without a promise, because compiling is no reason to wait; the build for
 * browsers is one file, where the one for Node brings a command line and source maps.
 */
function handlebars(): HandlebarsEnvironment {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url);
    loaded = (require("handlebars/dist/handlebars.js") as HandlebarsEnvironment).create();
  }
  return loaded;
}

/** Parses one file. Throws Handlebars' own exception, whose message begins with `Parse error on line N`. */
export function parse(text: string, file: string): Program {
  return handlebars().parse(text, { srcName: file });
}

/**
 * The JavaScript for a tree in which every helper is known and no partial is left; a path that names a helper is a
 * call of it, every other path is looked up in the context alone.
 */
export function compile(program: Program, helperNames: readonly string[]): string {
  const knownHelpers = Object.fromEntries(helperNames.map((name) => [name, true]));
  const options = { data: true, knownHelpers, knownHelpersOnly: true };
  return createWriter().compile(createAnalyser().compile(program, options), options);
}

/** Makes code of {@link compile} ready to run. It comes from the user's own template files; no value of the store is in it. */
export function evaluate(code: string): CompiledTemplate {
  const compiled = new Function(`return ${code}`)() as CompiledTemplate;
  if (compiled.compiler[0] !== COMPILER_REVISION) {
    throw new Error(`Handlebars compiles to revision ${compiled.compiler[0]}, this program runs ${COMPILER_REVISION}`);
  }
  return compiled;
}

/** Handlebars' analyser, but equal blocks stay apart: each must know its own line. */
function createAnalyser(): Analyser {
  const analyser = new (handlebars().Compiler)();
  analyser.equals = () => false;
  analyser.compiler = createAnalyser as unknown as new () => Analyser;
  return analyser;
}

/** Handlebars' writer, but `{{x}}` also tells the escape function where it stands and what its context is. */
function createWriter(): CodeWriter {
  const writer = new (handlebars().JavaScriptCompiler)();
  writer.appendEscaped = appendEscaped;
  writer.compiler = createWriter as unknown as new () => CodeWriter;
  return writer;
}

function appendEscaped(this: CodeWriter): void {
  const escaping = this.aliasable("container.escapeExpression");
  const where = JSON.stringify(this.source.currentLocation);
  this.pushSource(this.appendToBuffer([escaping, "(", this.popStack(), ",", where, ",", this.contextName(0), ")"]));
}
