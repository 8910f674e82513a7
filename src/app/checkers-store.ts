import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Values } from "../config/resolve.ts";
import { storeOptions } from "../config/store.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Store } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { openStore } from "../stores/open.ts";
import { agentBinds } from "./checkers-agent-options.ts";
import type { CheckersPlan } from "./checkers-plan.ts";

/**
 * Where checkers publish. With an agent port and no store named it is none: whoever replaces an agent has no store.
 * Throws E_USAGE for a store that is not understood.
 */
export function checkersStoreOptions(values: Values): StoreOptions | undefined {
  if (values["store"] === "none") return undefined;
  const isNamed = values["store"] !== undefined || values["consul"] !== undefined;
  return isNamed || agentBinds(values) === undefined ? storeOptions(values) : undefined;
}

/** Opens the store that checkers publish to, if any, once for all tags. Throws E_CONFIG for files it cannot read. */
export async function openCheckersStore(
  { store: options, shared }: Pick<CheckersPlan, "store" | "shared">,
  world: { readonly clock: Clock; readonly logger: Logger },
): Promise<Store | undefined> {
  if (options === undefined) return undefined;
  makeFolder(options);
  const store = await openStore(options, world);
  if (!shared) return store;
  const { createSharedWatch } = await import("../stores/shared-watch.ts");
  return createSharedWatch(store, world.clock);
}

/**
 * A checker publishes, so on a first start it makes the folder that its store reads. Only the last part of the
 * path: the rest missing means a slip of the pen, or a file system that is not mounted.
 */
function makeFolder(options: StoreOptions): void {
  if (options.type !== "file" || existsSync(options.path) || !existsSync(dirname(options.path))) return;
  if (!/\.(json|ya?ml)$/i.test(options.path)) mkdirSync(options.path);
}
