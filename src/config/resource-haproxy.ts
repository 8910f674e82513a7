import type { HaproxySettings } from "../core/haproxy.ts";
import { openTable, type TomlTable } from "./toml-table.ts";

const KEYS = ["socket", "master_socket", "apply", "on_replace", "verify", "max_old_workers", "max_delay"] as const;

/** How long old workers may hold a reload up when nothing is said, ms. */
const MAX_DELAY_MS = 60_000;

/** Reads `[haproxy]` of a template resource; undefined when there is none. Throws E_CONFIG that names the key. */
export function parseHaproxy(document: Readonly<Record<string, unknown>>, file: string): HaproxySettings | undefined {
  if (document["haproxy"] === undefined) return undefined;
  const table = openTable(document, "haproxy", { file, known: KEYS });
  const sockets = addresses(table, "socket");
  if (sockets.length === 0) {
    throw table.problem("socket", "is required", 'the path behind "stats socket" in haproxy.cfg, at level admin');
  }
  const masterSockets = addresses(table, "master_socket");
  if (masterSockets.length > 0 && masterSockets.length !== sockets.length) {
    throw table.problem(
      "master_socket",
      `names ${masterSockets.length} for ${sockets.length} in socket`,
      "one for each socket, in the same order",
    );
  }
  return {
    sockets,
    masterSockets,
    apply: table.oneOf("apply", ["runtime", "reload"]) ?? "runtime",
    onReplace: table.oneOf("on_replace", ["keep", "shutdown-sessions"]) ?? "keep",
    verify: table.boolean("verify") ?? true,
    maxOldWorkers: maxOldWorkers(table, masterSockets),
    maxDelayMs: table.duration("max_delay") ?? MAX_DELAY_MS,
  };
}

function addresses(table: TomlTable, key: "socket" | "master_socket"): readonly string[] {
  const named = table.oneOrMore(key) ?? [];
  for (const address of named) {
    if (!/^(?:(?:unix:)?\/.+|.+:\d{1,5})$/.test(address)) {
      throw table.problem(key, `must be an absolute path or host:port (is "${address}")`);
    }
  }
  const twice = named.find((address, at) => named.indexOf(address) !== at);
  if (twice !== undefined) throw table.problem(key, `names "${twice}" twice`);
  return named;
}

function maxOldWorkers(table: TomlTable, masterSockets: readonly string[]): number | undefined {
  const most = table.integer("max_old_workers");
  if (most === undefined) return undefined;
  if (most < 1) throw table.problem("max_old_workers", `must be a whole number from 1 (is ${most})`);
  if (masterSockets.length === 0) {
    throw table.problem("max_old_workers", "needs master_socket", "only HAProxy's master knows its old workers");
  }
  return most;
}
