import { join } from "node:path";
import { folderWith } from "./program.ts";

/** A confdir with resources over one document of keys; no server is needed. */
export interface ConfdirStage {
  readonly folder: string;
  readonly confdir: string;
  /** The document with the keys, JSON. */
  readonly document: string;
  /** `--confdir`, `--state-dir`, `--store`. */
  readonly args: readonly string[];
  /** Where the resource of this name writes. */
  dest(name: string): string;
}

/** What one resource is made of. */
export interface ResourceText {
  readonly template: string;
  /** TOML after src, dest and keys; may go on with `[guard]`. */
  readonly toml?: string;
  readonly keys?: string;
}

/** Writes it all into one temporary folder. */
export function confdirStage(
  resources: Readonly<Record<string, ResourceText>>,
  keys: Readonly<Record<string, string>>,
): ConfdirStage {
  const folder = folderWith({ "kv.json": JSON.stringify(keys) });
  const dest = (name: string) => join(folder, `${name}.out`);
  const files = Object.entries(resources).flatMap(([name, { template, toml = "", keys: watched = '["/app/"]' }]) => [
    [`templates/${name}.tmpl`, template] as const,
    [
      `conf.d/${name}.toml`,
      `[template]\nsrc = "${name}.tmpl"\ndest = "${dest(name)}"\nkeys = ${watched}\n${toml}`,
    ] as const,
  ]);
  const confdir = folderWith(Object.fromEntries(files));
  const document = join(folder, "kv.json");
  const args = ["--confdir", confdir, "--state-dir", join(folder, "state"), "--store", `file:${document}`];
  return { folder, confdir, document, args, dest };
}
