import { statSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Store } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import type { ConsulTiming } from "./consul-timing.ts";
import type { FilesTiming } from "./files-timing.ts";

/** What a store needs from outside. The timings are for tests; users cannot set them. */
export interface StoreDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly consulTiming?: Partial<ConsulTiming>;
  readonly filesTiming?: Partial<FilesTiming>;
}

/**
 * Opens the chosen store; loads only the code of that kind. Talks to nobody yet: a Consul that does not
 * answer is an error of the first call. Throws E_CONFIG for files it cannot read (token, certificates).
 */
export async function openStore(options: StoreOptions, deps: StoreDeps): Promise<Store> {
  if (options.type === "consul") {
    const { createConsulStore } = await import("./consul.ts");
    return createConsulStore(options, deps);
  }
  if (isDocument(options.path)) {
    const { createDocumentStore } = await import("./document-store.ts");
    return createDocumentStore(options.path, deps);
  }
  const { createFilesStore } = await import("./files.ts");
  return createFilesStore(options.path, deps);
}

/** A folder may be called `entries.json` too: what is there decides before the name does. */
function isDocument(path: string): boolean {
  return /\.(json|ya?ml)$/i.test(path) && statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true;
}
