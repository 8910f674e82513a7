import type { Target } from "./targets.ts";

/** One option of a command or a checker: flag, environment variable and config file key come from it. */
export interface OptionSpec {
  /** Kebab-case, as the flag without its dashes. */
  readonly name: string;
  readonly type: "string" | "integer" | "duration" | "boolean" | "targets" | "enum";
  readonly description: string;
  readonly default?: string | number | boolean;
  readonly values?: readonly string[];
  readonly required?: boolean;
  /** May be given several times, or as a list in a file: the values are joined with commas. So is every `targets`. */
  readonly repeatable?: boolean;
  /** Never a flag, where ps would show it: it comes from the environment or a file. */
  readonly secret?: boolean;
  /** One letter, where the replaced tool has one: `-k`. */
  readonly short?: string;
  /** Other flags that mean the same: those of the replaced tools. Not shown in help. */
  readonly aliases?: readonly string[];
  /** Shown in help for the argument, e.g. `h:p,h:p`. */
  readonly argument?: string;
}

/** Parsed and validated values, by option name; durations in ms. */
export type OptionValues = Readonly<Record<string, string | number | boolean | readonly Target[] | undefined>>;
