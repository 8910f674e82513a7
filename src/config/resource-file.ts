import { isAbsolute } from "node:path";
import type { Guard, TemplateResource } from "../core/resource.ts";
import type { Escape } from "../core/template-engine.ts";
import { parseToml } from "./config-file.ts";
import { idOf } from "./owner.ts";
import { parseHaproxy } from "./resource-haproxy.ts";
import { parsePeers } from "./resource-peers.ts";
import { openTable, rejectUnknownKeys, type TomlTable } from "./toml-table.ts";

const TEMPLATE_KEYS = [
  "src",
  "dest",
  "keys",
  "prefix",
  "mode",
  "uid",
  "gid",
  "owner",
  "group",
  "check_cmd",
  "reload_cmd",
  "check_cmd_timeout",
  "reload_cmd_timeout",
  "debounce",
  "min_reload_interval",
  "output_format",
  "escape",
] as const;
const GUARD_KEYS = ["min_entries", "max_shrink", "allow_empty", "confirm_after"] as const;

/** Where a resource file stands. */
export interface ResourceSource {
  /** For messages and for `--resource`. */
  readonly file: string;
  readonly name: string;
  readonly text: string;
  /** `--prefix`, in front of the resource's own. */
  readonly globalPrefix: string;
}

/**
 * Reads one `conf.d/*.toml`: confd's template resource (kelseyhightower/confd and abtreece/confd), with
 * `escape`, `[guard]`, `[haproxy]` and `[peers]` on top. Throws E_CONFIG that names the file and the key.
 */
export function parseResource(source: ResourceSource): TemplateResource {
  const { file, name, globalPrefix } = source;
  const document = parseToml(source.text, file);
  rejectUnknownKeys(document, ["template", "guard", "haproxy", "peers"], file);
  const template = openTable(document, "template", { file, known: TEMPLATE_KEYS });
  const dest = required(template, "dest");
  if (!isAbsolute(dest)) throw template.problem("dest", `must be an absolute path (is "${dest}")`);
  const prefix = joinKeys(globalPrefix, template.string("prefix") ?? "");
  const checkCmd = template.string("check_cmd");
  return {
    name,
    file,
    src: required(template, "src"),
    dest,
    keys: (template.strings("keys") ?? []).flatMap((key) => watchedKeys(prefix, key)),
    prefix,
    mode: modeOf(template),
    uid: ownerOf(template, { id: "uid", name: "owner", file: "/etc/passwd" }),
    gid: ownerOf(template, { id: "gid", name: "group", file: "/etc/group" }),
    checkCmd,
    reloadCmd: template.string("reload_cmd"),
    checkTimeoutMs: template.duration("check_cmd_timeout") ?? 30_000,
    reloadTimeoutMs: template.duration("reload_cmd_timeout") ?? 60_000,
    debounceMs: template.duration("debounce") ?? 0,
    minReloadIntervalMs: template.duration("min_reload_interval") ?? 0,
    outputFormat: template.oneOf("output_format", ["json", "yaml", "toml"]),
    escape: template.oneOf<Escape>("escape", ["haproxy", "none"]) ?? defaultEscape(dest, checkCmd),
    guard: parseGuard(openTable(document, "guard", { file, known: GUARD_KEYS })),
    haproxy: parseHaproxy(document, file),
    peers: parsePeers(document, file),
  };
}

function required(table: TomlTable, key: string): string {
  const value = table.string(key);
  if (value === undefined || value === "") throw table.problem(key, "is required");
  return value;
}

/** A file for HAProxy is escaped for HAProxy; anything else is left alone unless it asks. */
function defaultEscape(dest: string, checkCmd: string | undefined): Escape {
  return dest.endsWith(".cfg") || /\bhaproxy\b/.test(checkCmd ?? "") ? "haproxy" : "none";
}

/** Octal, as confd's `mode = "0644"`. */
function modeOf(table: TomlTable): number | undefined {
  const mode = table.string("mode");
  if (mode === undefined) return undefined;
  if (!/^0?[0-7]{3,4}$/.test(mode)) throw table.problem("mode", `must be octal, e.g. "0644" (is "${mode}")`);
  return Number.parseInt(mode, 8);
}

function ownerOf(
  table: TomlTable,
  keys: { id: "uid" | "gid"; name: "owner" | "group"; file: "/etc/passwd" | "/etc/group" },
): number | undefined {
  const id = table.integer(keys.id);
  const name = table.string(keys.name);
  if (name === undefined) return id === -1 ? undefined : id;
  if (id !== undefined) throw table.problem(keys.name, `and ${keys.id} say the same thing twice; keep one`);
  const found = idOf(name, keys.file);
  if (found === undefined)
    throw table.problem(keys.name, `"${name}" is not in ${keys.file}`, `write its number as ${keys.id}`);
  return found;
}

function parseGuard(table: TomlTable): Guard {
  const shrink = table.string("max_shrink") ?? "50%";
  const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(shrink)?.[1];
  if (percent === undefined || Number(percent) > 100) {
    throw table.problem("max_shrink", `must be a share from "0%" to "100%" (is "${shrink}")`);
  }
  return {
    minEntries: table.integer("min_entries") ?? 0,
    maxShrinkPercent: Number(percent),
    allowEmpty: table.boolean("allow_empty") ?? false,
    confirmAfterMs: table.duration("confirm_after"),
  };
}

/**
 * What a key of the resource makes us watch. confd's keys are prefixes, so `/app/db` may be one key or a
 * folder: both are watched. A key that ends in `/` is a folder, and asks Consul for no more than it needs.
 */
function watchedKeys(prefix: string, key: string): readonly string[] {
  const full = joinKeys(prefix, key);
  if (full === "") return [""];
  return key.endsWith("/") ? [`${full}/`] : [`${full}/`, full];
}

/** Both parts without slashes at their ends, with one between them. */
export function joinKeys(prefix: string, key: string): string {
  return [prefix, key]
    .map((part) => part.replace(/^\/+|\/+$/g, ""))
    .filter((part) => part !== "")
    .join("/");
}
