import { join } from "node:path";
import type { PeersRequest, PeersWorld } from "../app/peers-places.ts";
import { readConfigFile } from "../config/config-file.ts";
import { environment } from "../config/env.ts";
import type { Flag } from "../config/flag.ts";
import { RENDER_FLAGS } from "../config/flags-render.ts";
import { rejectUnknown, resolveOptions, type Values } from "../config/resolve.ts";
import { storeOptions } from "../config/store.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { openLogger } from "./world.ts";

/** What the flags, the environment and `render`'s configuration file say. */
export interface PeersLine {
  readonly values: Values;
  readonly request: PeersRequest;
  readonly world: PeersWorld;
}

/** Reads what was asked. Throws E_USAGE and E_CONFIG. */
export async function readRequest(
  flags: readonly Flag[],
  typed: Readonly<Record<string, unknown>>,
  signals: Signals,
): Promise<PeersLine> {
  const env = environment();
  const values = readValues(flags, typed, env);
  const word = (name: string) => {
    const value = values[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const request: PeersRequest = {
    sockets: (word("socket") ?? "").split(",").flatMap((address) => address.trim() || []),
    resource: word("resource"),
    confdir: String(values["confdir"]),
    prefix: String(values["prefix"]),
    table: word("table"),
    backend: word("proxy"),
    timeoutMs: Number(values["timeout"]),
    store: storeOptions(values),
  };
  const logger = await openLogger(values, env);
  return { values, request, world: { clock: systemClock, logger, stop: signals.stop } };
}

/** The configuration file is that of `render`: what it says of other things than these flags is left to it. */
function readValues(
  flags: readonly Flag[],
  typed: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Values {
  const first = resolveOptions(flags, { flags: typed, env });
  const named = first["config-file"];
  const name = typeof named === "string" ? named : join(String(first["confdir"]), "confd-haproxy.toml");
  const file = readConfigFile(name, { mustExist: named !== undefined });
  if (file === undefined) return first;
  rejectUnknown(RENDER_FLAGS, { name, values: file });
  const ours = Object.entries(file).filter(([key]) => isOurs(flags, key.replaceAll("_", "-")));
  return resolveOptions(flags, { flags: typed, env, files: [{ name, values: Object.fromEntries(ours) }] });
}

/** `resource` there says what is rendered, which may have no peers. */
function isOurs(flags: readonly Flag[], key: string): boolean {
  return key !== "resource" && flags.some(({ name }) => name === key);
}
