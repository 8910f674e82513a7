import type { Pair } from "./store.ts";

/** How `{{x}}` is written: for HAProxy one word with no way out of its line, or as it is. */
export type Escape = "haproxy" | "none";

/** What a lookup of a key that is not there does, where the helper has no default of its own. */
export type Missing = "error" | "default" | "wait";

/** What a template sees while it renders. */
export interface TemplateInput {
  /** Sorted by key; keys begin with `/` and have the resource's prefix stripped. */
  readonly pairs: readonly Pair[];
  readonly missing: Missing;
}

/** The whole text, and what a person should know about it though it did not stop the render. */
export interface Rendered {
  readonly text: string;
  /** One line each; a value that is not what the template needs is a warning that names its key. */
  readonly warnings: readonly string[];
}

/**
 * One compiled template. `render` throws E_TEMPLATE naming the file and the line, and E_MISSING_KEY naming
 * the key, the file and the line when a key is missing and `missing` is not `default`.
 */
export interface Template {
  render(input: TemplateInput): Rendered;
}

/** Compiles templates of one folder; partials come from `partials/` in it. */
export interface TemplateEngine {
  /** `src` is relative to the templates folder. Throws E_TEMPLATE with file and line for a syntax error. */
  compile(src: string, escaping: Escape): Template;
}
