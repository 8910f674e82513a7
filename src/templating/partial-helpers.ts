import type { HelperFunction, HelperOptions } from "./container.ts";
import { PARTIAL_CONTEXT, PARTIAL_INDENT } from "./tree.ts";

/** The blocks that stand for `{{> name context field=value}}` and for a partial on an indented line of its own. */
export const partialHelpers: Readonly<Record<string, HelperFunction>> = {
  [PARTIAL_CONTEXT](this: unknown, ...args: unknown[]) {
    const { fn, hash, data } = args[args.length - 1] as HelperOptions;
    const context = args.length > 1 ? args[0] : this;
    const named = Object.keys(hash).length === 0 ? context : { ...(context as object), ...hash };
    return fn?.(named, { data }) ?? "";
  },
  [PARTIAL_INDENT](this: unknown, indent: string, { fn }: HelperOptions) {
    return (fn?.(this) ?? "").replace(/^(?=.)/gm, indent);
  },
};
