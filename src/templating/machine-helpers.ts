import { existsSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { type HelperCall, type Helpers, text } from "./helper.ts";

/** What the machine can tell. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Wall clock, ms since the Unix epoch. */
  wallMs(): number;
}

/** What is read from the machine that renders, and not from the store. */
export function machineHelpers({ env, wallMs }: Machine) {
  return {
    getenv: { params: "name [default]", run: (call) => env[text(call, 0)] || (call.args[1] ?? "") },
    hostname: { params: "", run: () => hostname() },
    fileExists: { params: "path", run: (call) => existsSync(text(call, 0)) },
    datetime: { params: "", run: () => new Date(wallMs()).toISOString() },
    lookupIfaceIPV4: { params: "interface", run: (call) => interfaceAddress(call, "IPv4") },
    lookupIfaceIPV6: { params: "interface", run: (call) => interfaceAddress(call, "IPv6") },
  } satisfies Helpers;
}

function interfaceAddress(call: HelperCall, family: "IPv4" | "IPv6"): string {
  const addresses = networkInterfaces()[text(call, 0)] ?? [];
  return addresses.find((address) => address.family === family)?.address ?? "";
}
