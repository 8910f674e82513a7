import type { GroupOptions } from "../check/options.ts";
import type { Flag } from "../config/flag.ts";
import { resolveOptions, type Sources, type Values } from "../config/resolve.ts";
import type { Checker } from "../core/checker.ts";
import type { StoreOptions } from "../core/store-options.ts";

/** One tag to check. */
export interface PlannedGroup {
  readonly checker: Checker;
  readonly options: GroupOptions;
  /** Two plans of a tag with the same text are the same plan. Holds secrets: for comparing only. */
  readonly identity: string;
}

/** Everything that a process of checkers was told to do, read and found good. */
export interface CheckersPlan {
  readonly groups: readonly PlannedGroup[];
  /** Undefined: nothing is published, the agent port alone is served. */
  readonly store: StoreOptions | undefined;
  /** There may be many tags, now or after the next reading: they share one watch of the store. */
  readonly shared: boolean;
  /** What concerns the process as a whole: logging, the status page. */
  readonly values: Values;
  /** Files of options that are looked at each second; a change in them takes effect at once. */
  readonly followed: readonly string[];
  /** For the log: what is no error but should be looked at. */
  readonly warnings: readonly string[];
}

/** Reads a plan anew: all of it, or only the files that are followed. Throws E_USAGE and E_CONFIG. */
export type ReadPlan = (what: "everything" | "followed") => Promise<CheckersPlan>;

/** What the command line and the environment say. */
export interface CheckersLine {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `kind/tag`: no two groups of a process share it. */
export function groupId({ checker, options }: PlannedGroup): string {
  return `${checker.kind}/${options.tag}`;
}

/** Puts one tag into a plan. */
export function planGroup(checker: Checker, options: GroupOptions): PlannedGroup {
  return { checker, options, identity: JSON.stringify([checker.kind, options]) };
}

/** Which plugins the command line and the environment name: before the kinds are known nothing else can be read. */
export function pluginsOf(plugin: Values[string]): readonly string[] {
  return typeof plugin === "string" ? plugin.split(",").filter((file) => file !== "") : [];
}

/** Resolves only some of the flags, e.g. to find a file that says more. */
export function resolveSome(
  flags: readonly Flag[],
  names: readonly string[],
  line: CheckersLine & { readonly files?: Sources["files"] },
): Values {
  const some = flags.filter(({ name }) => names.includes(name));
  return resolveOptions(some, { flags: line.flags, env: line.env, ...filesOf(line.files, names) });
}

/** Only the keys that are asked for: of the others nothing is known here. */
function filesOf(files: Sources["files"], names: readonly string[]): Pick<Sources, "files"> {
  if (files === undefined) return {};
  const some = files.map(({ name, values }) => ({
    name,
    values: Object.fromEntries(Object.entries(values).filter(([key]) => names.includes(key.replaceAll("_", "-")))),
  }));
  return { files: some };
}
