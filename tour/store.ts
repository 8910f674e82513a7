import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { storeOptions } from "../src/config/store.ts";
import { AppError, errorText } from "../src/core/errors.ts";
import type { Logger } from "../src/core/logger.ts";
import type { Store } from "../src/core/store.ts";
import type { StoreOptions } from "../src/core/store-options.ts";
import { targetName } from "../src/core/targets.ts";
import { systemClock } from "../src/lib/system-clock.ts";
import { openStore } from "../src/stores/open.ts";
import { startConsul } from "../test/support/consul.ts";
import { releaseLater } from "../test/support/releases.ts";

/** The store of one tour. */
export interface TourStore {
  /** As `--store` takes it. */
  readonly url: string;
  /** What it is, in words. */
  readonly words: string;
  /** What the programs need to know beside the URL: the token, which must not stand on a command line. */
  readonly env: Readonly<Record<string, string>>;
  /** The same store, for looking at it. */
  readonly look: Store;
  /** Others use it too: what the tour leaves there must be deleted. */
  readonly shared: boolean;
}

const TIMEOUT_MS = 5_000;

/** What is wrong with the store shows in the logs of the programs on the stage. */
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

/** A folder inside `dir`. It goes away with `dir`. */
export async function openFolder(dir: string): Promise<TourStore> {
  const path = join(dir, "entries");
  mkdirSync(path);
  const words = "a folder, one file per key";
  return describeStore({ type: "file", path }, { url: `file:${path}`, words, env: {}, shared: false });
}

/**
 * The Consul at this URL; when none answers at a loopback address, one is started there. `say` hears what
 * takes time. Throws E_STORE_* when it cannot be used, and E_USAGE for a URL that is not understood.
 */
export async function openConsul(url: string, stop: AbortSignal, say: (what: string) => void): Promise<TourStore> {
  const env = consulEnv();
  const options = storeOptions({
    store: url,
    token: env["CONSUL_HTTP_TOKEN"],
    "token-file": env["CONSUL_HTTP_TOKEN_FILE"],
  });
  const there = await describeStore(options, { url, words: "the Consul that runs there", env, shared: true });
  try {
    await there.look.get("haproxy/tour", { signal: stop, timeoutMs: TIMEOUT_MS });
    return there;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "E_STORE_UNREACHABLE") throw error;
    const address = loopbackOf(options);
    if (address === undefined) {
      throw new AppError("E_STORE_UNREACHABLE", errorText(error), {
        hint: "the tour starts a Consul by itself only on this machine: --store consul://127.0.0.1:8500",
      });
    }
    say(`none answers at ${targetName(address)}, starting one there`);
    process.env["CONSUL"] = await consulBinary(stop);
    await startConsul({ address: address.host, httpPort: address.port });
    return { ...there, words: "a Consul of the tour's own", env: {}, shared: false };
  }
}

/** Has the key deleted at the end, if others see it. */
export function ownKey({ look, shared }: TourStore, key: string): void {
  if (!shared) return;
  releaseLater(key, async () => {
    await look.delete(key, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  });
}

async function describeStore(options: StoreOptions, described: Omit<TourStore, "look">): Promise<TourStore> {
  const look = await openStore(options, { clock: systemClock, logger: SILENT });
  releaseLater("the view of the store", () => look.close());
  return { ...described, look };
}

/** The one address to start a Consul at, if it is on this machine. */
function loopbackOf(options: StoreOptions): { host: string; port: number } | undefined {
  if (options.type !== "consul" || options.addresses.length !== 1) return undefined;
  const [address] = options.addresses;
  if (address?.host === "localhost") return { ...address, host: "127.0.0.1" };
  return address !== undefined && /^127\.[\d.]+$/.test(address.host) ? address : undefined;
}

function consulEnv(): Record<string, string> {
  const names = ["CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Fetches Consul if need be; says on standard error what it does. */
async function consulBinary(stop: AbortSignal): Promise<string> {
  const script = join(import.meta.dirname, "../scripts/setup.sh");
  const child = spawn("bash", [script, "consul"], { stdio: ["ignore", "pipe", "inherit"], signal: stop });
  let path = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    path += text;
  });
  const code = await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  if (code !== 0) throw new AppError("E_STORE_UNREACHABLE", "there is no Consul to start");
  return path.trim();
}
