import { nearest } from "../lib/nearest.ts";
import { parse } from "./compile.ts";
import type { SourceFile, SourceFiles } from "./source-files.ts";
import type { Call, Expression, Partial, Program, Statement } from "./syntax-tree.ts";
import { syntaxError, templateError, type Where, whereIs } from "./template-error.ts";

/** What a template may use. */
export interface TreeOptions {
  readonly files: SourceFiles;
  /** Every helper with its parameters: `text separator`, `key [default]`, `value [value]...`. */
  readonly helperParams: Readonly<Record<string, string>>;
}

/** Helpers that only {@link loadTree} writes into a tree: a partial with arguments, and one that is indented. */
export const PARTIAL_CONTEXT = "$partial";
export const PARTIAL_INDENT = "$indent";

interface Walk extends TreeOptions {
  readonly file: SourceFile;
  readonly lines: readonly string[];
  /** The files this one is part of, outermost first, to see a partial that contains itself. */
  readonly inside: readonly string[];
}

/**
 * Parses a template and puts every partial in its place, so that a partial costs nothing at render time and
 * what is wrong in one is known by its own file and line. Throws E_TEMPLATE for a syntax error, a helper or
 * partial that does not exist, and partials that contain each other.
 */
export function loadTree(file: SourceFile, options: TreeOptions): Program {
  return load(file, [], options);
}

function load(file: SourceFile, parents: readonly string[], options: TreeOptions): Program {
  const lines = file.text.split("\n");
  const walk = {
    files: options.files,
    helperParams: options.helperParams,
    file,
    lines,
    inside: [...parents, file.name],
  };
  let program: Program;
  try {
    program = parse(file.text, file.name);
  } catch (error) {
    throw syntaxError(error, file.name, lines);
  }
  visitProgram(program, walk);
  return program;
}

function visitProgram(program: Program, walk: Walk): void {
  program.body = program.body.flatMap((statement) => visitStatement(statement, walk));
}

function visitStatement(statement: Statement, walk: Walk): Statement[] {
  switch (statement.type) {
    case "ContentStatement":
    case "CommentStatement":
      return [statement];
    case "MustacheStatement":
      visitCall(statement, label(statement, walk), walk);
      return [statement];
    case "BlockStatement":
      visitCall(statement, label(statement, walk), walk);
      if (statement.program !== undefined) visitProgram(statement.program, walk);
      if (statement.inverse !== undefined) visitProgram(statement.inverse, walk);
      return [statement];
    case "PartialStatement":
      return inlined(statement, walk);
    default:
      throw templateError(label(statement, walk), "partial blocks and inline partials are not supported", {
        hint: "Put the text into a file of its own in templates/partials/.",
      });
  }
}

/** Gives a node the place that messages and helpers will know it by. */
function label(node: Statement | Expression, walk: Walk): Where {
  const where = whereIs(node.loc, walk.lines);
  node.loc = { ...node.loc, toJSON: () => where };
  return where;
}

function visitCall(call: Call, where: Where, walk: Walk): void {
  const values = (call.hash?.pairs ?? []).map((pair) => pair.value);
  const isCall = call.params.length > 0 || values.length > 0;
  checkHelper(call, { where, isCall }, walk);
  for (const argument of [...call.params, ...values]) visitExpression(argument, walk);
}

function visitExpression(expression: Expression, walk: Walk): void {
  if (expression.type !== "SubExpression") return;
  const where = label(expression, walk);
  checkHelper(expression, { where, isCall: true }, walk);
  const values = (expression.hash?.pairs ?? []).map((pair) => pair.value);
  for (const argument of [...expression.params, ...values]) visitExpression(argument, walk);
}

/** A call must name a helper and give it what it needs; a mere path may be a helper without arguments. */
function checkHelper(call: Call, { where, isCall }: { where: Where; isCall: boolean }, walk: Walk): void {
  if (call.path.type !== "PathExpression") return;
  const name = call.path.original;
  const params = Object.hasOwn(walk.helperParams, name) ? walk.helperParams[name] : undefined;
  if (params === undefined) {
    if (isCall) throw unknownHelper(name, where, walk);
    return;
  }
  const names = params === "" ? [] : params.split(" ");
  const least = names.filter((param) => !param.startsWith("[")).length;
  const most = params.endsWith("...") ? Number.POSITIVE_INFINITY : names.length;
  const count = call.params.length;
  if (count >= least && count <= most) return;
  const hint = isCall ? {} : { hint: `If a field of that name is meant, write this.${name}.` };
  throw templateError(where, `wrong number of arguments (${count}), it is: ${`${name} ${params}`.trim()}`, hint);
}

function unknownHelper(name: string, where: Where, walk: Walk): Error {
  if (/^lookup(IP|IPV4|IPV6|SRV)$/.test(name)) {
    const hint = "Let HAProxy resolve the name (init-addr, resolvers), or have a checker write addresses to the store.";
    return templateError(where, `${name} is left out: a render does not wait for DNS`, { hint });
  }
  const near = nearest(name, Object.keys(walk.helperParams));
  const hint = near === undefined ? {} : { hint: `Is "${near}" meant?` };
  return templateError(where, `there is no helper "${name}"`, hint);
}

/** The statements of the partial's own file, in a block that changes their context or indents them if need be. */
function inlined(partial: Partial, walk: Walk): Statement[] {
  const where = label(partial, walk);
  const name = partialName(partial, where);
  const file = walk.files.partial(name, where);
  if (walk.inside.includes(file.name)) {
    throw templateError(where, `partials contain each other: ${[...walk.inside, file.name].join(" → ")}`);
  }
  let program = load(file, walk.inside, walk);
  const { params, hash } = partial;
  for (const argument of [...params, ...(hash?.pairs ?? []).map((pair) => pair.value)]) visitExpression(argument, walk);
  if (params.length > 0 || hash !== undefined) {
    program = wrapped(PARTIAL_CONTEXT, { params, hash }, { program, partial });
  }
  if (partial.indent !== "") {
    const indent = {
      type: "StringLiteral",
      value: partial.indent,
      original: partial.indent,
      loc: partial.loc,
    } as const;
    program = wrapped(PARTIAL_INDENT, { params: [indent], hash: undefined }, { program, partial });
  }
  return program.body;
}

function partialName({ name }: Partial, where: Where): string {
  if (name.type === "PathExpression" && !name.data) return name.original;
  if (name.type === "StringLiteral" || name.type === "NumberLiteral") return `${name.original}`;
  throw templateError(where, "the name of a partial must be written out", {
    hint: "For a name that is computed use {{include name context}}.",
  });
}

interface Wrapped {
  readonly program: Program;
  readonly partial: Partial;
}

function wrapped(helper: string, args: Omit<Call, "path">, { program, partial }: Wrapped): Program {
  const { loc } = partial;
  const path = { type: "PathExpression", original: helper, parts: [helper], depth: 0, data: false, loc } as const;
  const strip = { open: false, close: false };
  const block = { type: "BlockStatement", path, ...args, program, openStrip: strip, closeStrip: strip, loc } as const;
  return { type: "Program", body: [block], loc };
}
