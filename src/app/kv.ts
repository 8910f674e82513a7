import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Store } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { printDocument } from "../stores/document.ts";
import { openStore } from "../stores/open.ts";

/** One thing to do with the store. A prefix is empty or ends in `/`. */
export type KvAction =
  | { readonly name: "get" | "rm"; readonly key: string }
  | { readonly name: "put"; readonly key: string; readonly value: string }
  | { readonly name: "ls" | "dump"; readonly prefix: string; readonly format: "json" | "yaml" };

/** How long the store may take, ms. */
const TIMEOUT_MS = 10_000;

/** Does it and resolves to what is to be printed. Throws E_STORE_*, and E_MISSING_KEY for a key that is not there. */
export async function runKv(
  action: KvAction,
  options: StoreOptions,
  world: { readonly clock: Clock; readonly logger: Logger; readonly stop: AbortSignal },
): Promise<string> {
  const store = await openStore(options, world);
  try {
    return await perform(action, store, { signal: world.stop, timeoutMs: TIMEOUT_MS });
  } finally {
    await store.close();
  }
}

async function perform(
  action: KvAction,
  store: Store,
  call: { signal: AbortSignal; timeoutMs: number },
): Promise<string> {
  switch (action.name) {
    case "get": {
      const pair = await store.get(action.key, call);
      if (pair === undefined) throw new AppError("E_MISSING_KEY", `there is no key ${action.key} in ${store.name}`);
      return pair.value;
    }
    case "put":
      await store.put(action.key, action.value, call);
      return "";
    case "rm":
      await store.delete(action.key, call);
      return "";
    case "ls":
      return (await store.list(action.prefix, call)).pairs.map((pair) => `${pair.key}\n`).join("");
    case "dump":
      return printDocument((await store.list(action.prefix, call)).pairs, action.format);
  }
}
