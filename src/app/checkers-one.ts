import { readConfSection } from "../config/conf-section.ts";
import { isReadableByEverybody } from "../config/exposed-file.ts";
import { readForeignFile } from "../config/foreign-file.ts";
import { type FileValues, resolveOptions } from "../config/resolve.ts";
import type { Checker } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import { groupOf, kindFlagsOf } from "./checkers-options.ts";
import { type CheckersLine, type CheckersPlan, planGroup, resolveSome } from "./checkers-plan.ts";
import { proveGroup } from "./checkers-proof.ts";
import { checkersStoreOptions } from "./checkers-store.ts";

/** Reads the plan of `checkers <kind> …`: one tag, by flags, the environment and the section of `--conf`. */
export async function planOne(checker: Checker, line: CheckersLine, clock: Clock): Promise<CheckersPlan> {
  const { flags, env } = line;
  const specs = kindFlagsOf(checker);
  const { conf, tag } = resolveSome(specs, ["conf", "tag"], line);
  const section = typeof conf === "string" ? readConfSection(conf, String(tag), checker.options) : undefined;
  const own = section === undefined ? [] : [section];
  const foreign = await foreignValues(checker, line);
  const values = resolveOptions(specs, { flags, env, files: [...own, ...foreign] });
  const group = planGroup(checker, groupOf(checker, String(tag), values));
  const store = checkersStoreOptions(values);
  await proveGroup(group, store, clock);
  return {
    groups: [group],
    store,
    shared: false,
    values,
    followed: typeof conf === "string" ? [conf] : [],
    warnings: typeof conf === "string" ? exposures(conf, checker, own) : [],
  };
}

/** Of the file of the program that the kind replaces, if there is one. */
export async function foreignValues(
  { foreignFile, options }: Checker,
  line: Parameters<typeof resolveSome>[2],
): Promise<readonly FileValues[]> {
  if (foreignFile === undefined) return [];
  const names = [foreignFile.option, ...(foreignFile.skip === undefined ? [] : [foreignFile.skip])];
  const found = await readForeignFile(foreignFile, resolveSome(options, names, line));
  return found === undefined ? [] : [found];
}

/** What is to be said of a file with a secret in it that everybody can read. */
export function exposures(file: string, checker: Checker, sources: readonly FileValues[]): readonly string[] {
  const secrets = checker.options.filter(({ secret }) => secret).map(({ name }) => name);
  const held = sources.some(({ values }) =>
    Object.keys(values).some((key) => secrets.includes(key.replaceAll("_", "-"))),
  );
  return held && isReadableByEverybody(file) ? [exposed(file)] : [];
}

/** The warning itself. */
export function exposed(file: string): string {
  return `${file} holds a secret and everybody on this machine can read it: chmod o-r ${file}`;
}
