import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Store } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { openStore } from "../stores/open.ts";

/** Opens the store that checkers publish to. Throws E_CONFIG for files it cannot read. */
export async function openCheckersStore(
  options: StoreOptions,
  world: { readonly clock: Clock; readonly logger: Logger },
): Promise<Store> {
  makeFolder(options);
  return openStore(options, world);
}

/**
 * A checker publishes, so on a first start it makes the folder that its store reads. Only the last part of the
 * path: the rest missing means a slip of the pen, or a file system that is not mounted.
 */
function makeFolder(options: StoreOptions): void {
  if (options.type !== "file" || existsSync(options.path) || !existsSync(dirname(options.path))) return;
  if (!/\.(json|ya?ml)$/i.test(options.path)) mkdirSync(options.path);
}
