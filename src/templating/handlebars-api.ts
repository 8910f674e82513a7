import type { Location, Program } from "./syntax-tree.ts";

/** Handlebars' compiler API (its docs/compiler-api.md), as far as it is used here. */
export interface HandlebarsEnvironment {
  create(): HandlebarsEnvironment;
  parse(input: string, options: { readonly srcName: string }): Program;
  readonly Compiler: new () => Analyser;
  readonly JavaScriptCompiler: new () => CodeWriter;
}

/** The half of the compiler that reads the tree. Blocks inside are read by a `new this.compiler()`. */
export interface Analyser {
  compiler: new () => Analyser;
  compile(program: Program, options: object): object;
  equals(other: Analyser): boolean;
}

/** The half of the compiler that writes JavaScript; an environment may replace parts of it. */
export interface CodeWriter {
  compiler: new () => CodeWriter;
  compile(analysed: object, options: object): string;
  readonly source: { readonly currentLocation: Location };
  appendEscaped(): void;
  pushSource(code: unknown): void;
  appendToBuffer(code: readonly unknown[]): unknown;
  aliasable(name: string): string;
  popStack(): unknown;
  contextName(depth: number): string;
}
