import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { AppError } from "../core/errors.ts";
import type { TemplateResource } from "../core/resource.ts";
import { nearest } from "../lib/nearest.ts";
import { parseResource } from "./resource-file.ts";

/**
 * Reads every `*.toml` below `<confdir>/conf.d`, sorted by name; with `only`, just that one. Throws E_CONFIG
 * for a folder without resources, a bad file, and two resources with one dest.
 */
export function loadResources(
  confdir: string,
  options: { prefix: string; only?: string },
): readonly TemplateResource[] {
  const folder = join(confdir, "conf.d");
  const resources = tomlFiles(folder).map((file) =>
    parseResource({
      file,
      name: relative(folder, file).replace(/\.toml$/, ""),
      text: readFileSync(file, "utf8"),
      globalPrefix: options.prefix,
    }),
  );
  if (resources.length === 0) {
    throw new AppError("E_CONFIG", `${folder} has no template resource (*.toml)`, {
      hint: "name the folder above conf.d with --confdir",
    });
  }
  rejectSharedDest(resources);
  rejectSharedName(resources);
  return options.only === undefined ? resources : [pick(resources, options.only)];
}

function tomlFiles(folder: string): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch (error) {
    const hint = "name the folder above conf.d with --confdir";
    throw new AppError("E_CONFIG", `cannot read ${folder}`, { cause: error, hint });
  }
  return names
    .filter((name) => name.endsWith(".toml") && !/(^|\/)\./.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function rejectSharedDest(resources: readonly TemplateResource[]): void {
  const byDest = new Map<string, TemplateResource>();
  for (const resource of resources) {
    const other = byDest.get(resource.dest);
    if (other !== undefined) {
      throw new AppError("E_CONFIG", `${resource.file} and ${other.file} have one dest: ${resource.dest}`, {
        hint: "each would overwrite the other for ever; give one of them another dest or take it away",
      });
    }
    byDest.set(resource.dest, resource);
  }
}

/** One HAProxy may have several resources, but is in one place. */
function rejectSharedName(resources: readonly TemplateResource[]): void {
  const byName = new Map<string, TemplateResource>();
  for (const resource of resources) {
    const { peers, prefix, haproxy } = resource;
    if (peers?.announce === undefined) continue;
    const name = JSON.stringify([prefix, peers.local ?? haproxy?.sockets]);
    const other = byName.get(name);
    if (other !== undefined && JSON.stringify(other.peers?.announce) !== JSON.stringify(peers.announce)) {
      const text = `${resource.file} and ${other.file} announce one HAProxy at two places`;
      throw new AppError("E_CONFIG", text, {
        hint: "announce and socket_port must be the same in both, or local another",
      });
    }
    byName.set(name, resource);
  }
}

function pick(resources: readonly TemplateResource[], only: string): TemplateResource {
  const name = only.replace(/\.toml$/, "");
  const found = resources.find((resource) => resource.name === name);
  if (found !== undefined) return found;
  const names = resources.map((resource) => resource.name);
  const close = nearest(name, names);
  throw new AppError("E_USAGE", `--resource: there is no "${only}"`, {
    hint: close === undefined ? `there are: ${names.join(", ")}` : `did you mean "${close}"?`,
  });
}
