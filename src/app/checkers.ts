import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { runGroup } from "../check/group.ts";
import { checkOnce, type OnceResult } from "../check/once.ts";
import type { GroupOptions } from "../check/options.ts";
import type { Checker } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { openStore } from "../stores/open.ts";

/** What the user asked a checker to do. */
export interface CheckRequest {
  readonly checker: Checker;
  readonly group: GroupOptions;
  readonly store: StoreOptions;
}

/** The world as a checker meets it. */
export interface CheckWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts on the first SIGTERM. */
  readonly stop: AbortSignal;
}

/**
 * A checker publishes, so on a first start it makes the folder that its store reads. Only the last part of the
 * path: the rest missing means a slip of the pen, or a file system that is not mounted.
 */
function makeFolder(options: StoreOptions): void {
  if (options.type !== "file" || existsSync(options.path) || !existsSync(dirname(options.path))) return;
  if (!/\.(json|ya?ml)$/i.test(options.path)) mkdirSync(options.path);
}

/** Checks and publishes until told to stop. Throws AppError for options that cannot work. */
export async function runChecker(request: CheckRequest, world: CheckWorld): Promise<void> {
  makeFolder(request.store);
  const store = await openStore(request.store, world);
  const { checker, group } = request;
  world.logger.info(`${checker.kind} ${group.tag}: checking`, { store: store.name });
  try {
    await runGroup(group, { ...world, checker, store, signal: world.stop });
    world.logger.info(`${checker.kind} ${group.tag}: stopped`);
  } finally {
    await store.close();
  }
}

/** One round, for cron and scripts. Throws E_STORE_* when the store cannot be used. */
export async function runCheckerOnce(request: CheckRequest, world: CheckWorld): Promise<OnceResult> {
  makeFolder(request.store);
  const store = await openStore(request.store, world);
  try {
    return await checkOnce(request.group, { ...world, checker: request.checker, store, signal: world.stop });
  } finally {
    await store.close();
  }
}
