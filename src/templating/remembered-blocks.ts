import type { HelperFunction, HelperOptions } from "./container.ts";
import type { EntryView } from "./entry-view.ts";
import { forgetIfCrowded } from "./pair-memory.ts";
import type { Block, Call, Expression, Program, Statement } from "./syntax-tree.ts";

/** The block helper that a `{{#each (entries …)}}` becomes when its text follows from the entry alone. */
export const EACH_REMEMBERED = "$each";

/**
 * Finds each `{{#each (entries …)}}` at the top of a template whose text for one entry depends on nothing but that
 * entry: no `@index`, no helper from `impure` (`../` leads to the template's own empty context). Such a block is run
 * anew only for an entry that changed, so a render of many entries costs what changed.
 */
export function markRemembered(program: Program, impure: ReadonlySet<string>): void {
  for (const [number, statement] of program.body.entries()) {
    if (statement.type !== "BlockStatement" || !isEachOfEntries(statement)) continue;
    const { loc, program, inverse } = statement;
    const inside = [...(program?.body ?? []), ...(inverse?.body ?? [])];
    if (!inside.every((inner) => isPure(inner, impure))) continue;
    const path = { type: "PathExpression", original: EACH_REMEMBERED, parts: [EACH_REMEMBERED], depth: 0 } as const;
    statement.path = { ...path, data: false, loc };
    statement.params.push({ type: "NumberLiteral", value: number, original: number, loc });
  }
}

interface RememberedText {
  readonly entry: EntryView;
  readonly text: string;
}

/** The helper behind {@link EACH_REMEMBERED}, with a memory of its own: one for each compiled template. */
export function createEachRemembered(): HelperFunction {
  const blocks = new Map<number, Map<string, RememberedText>>();
  return function (this: unknown, entries: readonly EntryView[], number: number, { fn, inverse }: HelperOptions) {
    if (entries.length === 0) return inverse?.(this) ?? "";
    const known = blocks.get(number) ?? new Map<string, RememberedText>();
    blocks.set(number, known);
    forgetIfCrowded(known, entries.length);
    let text = "";
    for (const entry of entries) {
      let part = known.get(entry.key);
      if (part?.entry !== entry) {
        part = { entry, text: flat(fn?.(entry) ?? "") };
        known.set(entry.key, part);
      }
      text += part.text;
    }
    return text;
  };
}

/** The same text in one piece: V8 keeps a concatenated one as a tree, and would walk it again on each render. */
function flat(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

function isEachOfEntries({ path, params, program }: Block): boolean {
  const [list] = params;
  const isEach = nameOf(path) === "each" && list?.type === "SubExpression" && nameOf(list.path) === "entries";
  return isEach && program?.blockParams === undefined;
}

function nameOf(path: Expression): string | undefined {
  return path.type === "PathExpression" ? path.original : undefined;
}

function isPure(statement: Statement, impure: ReadonlySet<string>): boolean {
  switch (statement.type) {
    case "ContentStatement":
    case "CommentStatement":
      return true;
    case "MustacheStatement":
      return isPureCall(statement, impure);
    case "BlockStatement": {
      const inside = [...(statement.program?.body ?? []), ...(statement.inverse?.body ?? [])];
      return isPureCall(statement, impure) && inside.every((inner) => isPure(inner, impure));
    }
    default:
      return false;
  }
}

function isPureCall({ path, params, hash }: Call, impure: ReadonlySet<string>): boolean {
  const values = (hash?.pairs ?? []).map((pair) => pair.value);
  return [path, ...params, ...values].every((value) => isPureValue(value, impure));
}

function isPureValue(expression: Expression, impure: ReadonlySet<string>): boolean {
  if (expression.type === "SubExpression") return isPureCall(expression, impure);
  return expression.type !== "PathExpression" || !(expression.data || impure.has(expression.original));
}
