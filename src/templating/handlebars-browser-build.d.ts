declare module "handlebars/dist/handlebars.js" {
  /** Handlebars' documented compiler API (its docs/compiler-api.md), as far as it is used here. */
  interface HandlebarsEnvironment {
    create(): HandlebarsEnvironment;
    parse(input: string, options: { readonly srcName: string }): import("./syntax-tree.ts").Program;
    readonly Compiler: new () => import("./compile.ts").Analyser;
    readonly JavaScriptCompiler: new () => import("./compile.ts").CodeWriter;
  }
  const handlebars: HandlebarsEnvironment;
  // biome-ignore lint/style/noDefaultExport: the shape of a package that is not ours
  export default handlebars;
}
