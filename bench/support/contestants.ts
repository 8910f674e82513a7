import { join } from "node:path";
import type { Consul } from "../../test/support/consul.ts";
import { type Launched, launch } from "../../test/support/launch.ts";
import { PREFIX } from "./workload.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Starts the floor on its own dest; `fsync`: it syncs the file before the rename, as render does. */
export function startFloor(consul: Consul, dest: string, durable: "fsync" | "not" = "not"): Launched {
  const script = join(ROOT, "bench/support/floor.mjs");
  return launch(process.execPath, [script, consul.address, String(consul.port), PREFIX, dest, durable]);
}

/** Starts the built `render --watch`. */
export function startRender(
  consul: Consul,
  options: { confdir: string; stateDir: string; logLevel?: string },
): Launched {
  const { confdir, stateDir, logLevel = "warn" } = options;
  const store = ["--consul", `${consul.address}:${consul.port}`];
  return launch(process.execPath, [
    join(ROOT, "dist/render.js"),
    "--watch",
    "--confdir",
    confdir,
    "--state-dir",
    stateDir,
    ...store,
    "--log-level",
    logLevel,
  ]);
}
