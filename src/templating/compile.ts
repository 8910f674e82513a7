import Handlebars from "handlebars/dist/handlebars.js";
import type { Location, Program } from "./syntax-tree.ts";

/** One block of compiled template text. The signature is the one Handlebars' compiler (revision 8) writes. */
export type Block = (
  ...frame: readonly [
    container: object,
    context: unknown,
    helpers: object,
    partials: object,
    data: object,
    blockParams: readonly unknown[] | undefined,
    depths: readonly unknown[] | undefined,
  ]
) => string;

/** What Handlebars' compiler makes of a template: the main block, and the blocks inside it by number. */
export interface CompiledTemplate {
  readonly compiler: readonly [revision: number, versions: string];
  readonly main: Block;
  readonly useDepths?: boolean;
  readonly useBlockParams?: boolean;
  readonly [block: number]: Block;
}

/** The half of Handlebars' compiler that reads the tree. Blocks inside are read by a `new this.compiler()`. */
export interface Analyser {
  compiler: new () => Analyser;
  compile(program: Program, options: object): object;
  equals(other: Analyser): boolean;
}

/** The half of Handlebars' compiler that writes JavaScript; an environment may replace parts of it. */
export interface CodeWriter {
  compiler: new () => CodeWriter;
  compile(environment: object, options: object): string;
  readonly source: { readonly currentLocation: Location };
  appendEscaped(): void;
  pushSource(code: unknown): void;
  appendToBuffer(code: readonly unknown[]): unknown;
  aliasable(name: string): string;
  popStack(): unknown;
  contextName(depth: number): string;
}

/** The form of compiled templates that `container.ts` can run. */
export const COMPILER_REVISION = 8;

/** An environment of our own: nothing that other code registers or changes in Handlebars reaches it. */
const environment = Handlebars.create();

/** Parses one file. Throws Handlebars' own exception, whose message begins with `Parse error on line N`. */
export function parse(text: string, file: string): Program {
  return environment.parse(text, { srcName: file });
}

/**
 * Compiles a tree in which every helper is known and no partial is left; a path that names a helper is a
 * call of it, every other path is looked up in the context alone.
 */
export function compile(program: Program, helperNames: readonly string[]): CompiledTemplate {
  const knownHelpers = Object.fromEntries(helperNames.map((name) => [name, true]));
  const options = { data: true, knownHelpers, knownHelpersOnly: true };
  const opcodes = createAnalyser().compile(program, options);
  const code = createWriter().compile(opcodes, options);
  // The code is made from the user's own template files, as in Handlebars itself; no value of the store is in it.
  const compiled = new Function(`return ${code}`)() as CompiledTemplate;
  if (compiled.compiler[0] !== COMPILER_REVISION) {
    throw new Error(`Handlebars compiles to revision ${compiled.compiler[0]}, this program runs ${COMPILER_REVISION}`);
  }
  return compiled;
}

/** Handlebars' analyser, but equal blocks stay apart: each must know its own line. */
function createAnalyser(): Analyser {
  const analyser = new environment.Compiler();
  analyser.equals = () => false;
  analyser.compiler = createAnalyser as unknown as new () => Analyser;
  return analyser;
}

/** Handlebars' writer, but `{{x}}` also tells the escape function where it stands and what its context is. */
function createWriter(): CodeWriter {
  const writer = new environment.JavaScriptCompiler();
  writer.appendEscaped = appendEscaped;
  writer.compiler = createWriter as unknown as new () => CodeWriter;
  return writer;
}

function appendEscaped(this: CodeWriter): void {
  const escaping = this.aliasable("container.escapeExpression");
  const where = JSON.stringify(this.source.currentLocation);
  this.pushSource(this.appendToBuffer([escaping, "(", this.popStack(), ",", where, ",", this.contextName(0), ")"]));
}
