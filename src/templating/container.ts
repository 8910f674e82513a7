import type { Where } from "./template-error.ts";

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

/** A nested block of a template, as a helper gets it. */
export interface BlockFunction {
  (context: unknown, options?: { readonly data?: object; readonly blockParams?: readonly unknown[] }): string;
  /** How many names the block declares: `{{#each x as |item index|}}` has two. */
  readonly blockParams?: number;
}

/** What Handlebars hands to a helper behind its own arguments. */
export interface HelperOptions {
  readonly name: string;
  readonly hash: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly loc: Where;
  /** Only for blocks. */
  readonly fn?: BlockFunction;
  readonly inverse?: BlockFunction;
}

/** A helper as compiled code calls it: `this` is the context, the last argument a {@link HelperOptions}. */
export type HelperFunction = (this: unknown, ...args: never[]) => unknown;

/** How `{{x}}` becomes text. `context` is what `x` was looked up in. */
export type EscapeFunction = (value: unknown, where: Where, context: unknown) => string;

/** What compiled code needs around it. */
export interface Surroundings {
  readonly helpers: Readonly<Record<string, HelperFunction>>;
  readonly escapeValue: EscapeFunction;
}

/** Renders with this value as the context; the text is not trimmed or changed in any way. */
export type RunTemplate = (context: unknown) => string;

type Frames = readonly unknown[] | undefined;

/**
 * What runs compiled templates, in place of Handlebars' own runtime: that one wraps every helper on each
 * render, makes an options object per call and escapes for HTML alone. Only own properties are ever looked
 * up and functions are never called, so a value from the store cannot reach a prototype.
 */
export function createRunner(compiled: CompiledTemplate, { helpers, escapeValue }: Surroundings): RunTemplate {
  const noPartials = {};
  const container = {
    lookupProperty,
    lambda: (value: unknown) => value,
    escapeExpression: escapeValue,
    noop: () => "",
    nullContext: Object.freeze({}),
    hooks: { blockHelperMissing },
    data: parentFrame,
    // biome-ignore lint/complexity/useMaxParams: this is how compiled templates call it
    program(index: number, data: object, declared = 0, outer?: Frames, depths?: Frames): BlockFunction {
      const block = compiled[index] as Block;
      const run: BlockFunction = (context, options) => {
        const blockParams = outer === undefined ? undefined : [options?.blockParams, ...outer];
        const frames = depths === undefined || context === depths[0] ? depths : [context, ...depths];
        return block(container, context, helpers, noPartials, options?.data ?? data, blockParams, frames);
      };
      return declared === 0 ? run : Object.assign(run, { blockParams: declared });
    },
  };
  return (context) => {
    const depths = compiled.useDepths ? [context] : undefined;
    const blockParams = compiled.useBlockParams ? [] : undefined;
    return compiled.main(container, context, helpers, noPartials, { root: context }, blockParams, depths);
  };
}

/** A property of the value itself; what it inherits does not exist for a template. */
export function lookupProperty(parent: unknown, name: string): unknown {
  if (parent === null || parent === undefined) return undefined;
  return Object.hasOwn(parent, name) ? (parent as Record<string, unknown>)[name] : undefined;
}

/** What `{{@../index}}` looks `index` up in. */
function parentFrame(data: unknown, depth: number): unknown {
  let frame = data;
  for (let i = 0; i < depth; i++) frame = lookupProperty(frame, "_parent");
  return frame;
}

/** `{{#x}}…{{/x}}` where `x` is no helper: a list is gone through, anything else is a condition. */
function blockHelperMissing(this: unknown, value: unknown, { fn, inverse }: HelperOptions): string {
  if (value === true) return fn?.(this) ?? "";
  if (value === false || value === null || value === undefined) return inverse?.(this) ?? "";
  if (!Array.isArray(value)) return fn?.(value) ?? "";
  return value.length === 0 ? (inverse?.(this) ?? "") : value.map((item) => fn?.(item) ?? "").join("");
}
