import { groupProxyport, validateGroup } from "../check/options.ts";
import type { Checker, Service } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { withDeadline } from "../lib/deadline.ts";
import { groupId, type PlannedGroup } from "./checkers-plan.ts";

/**
 * Finds out whether a group can be started at all, without speaking to anybody: a mistake is found before anything runs,
 * and a bad new configuration never takes the place of a good one. Throws E_USAGE and E_CONFIG.
 */
export async function proveGroup(group: PlannedGroup, store: StoreOptions | undefined, clock: Clock): Promise<void> {
  const { checker, options } = group;
  validateGroup(options, checker);
  if (options.ha && store?.type !== "consul") {
    throw new AppError("E_USAGE", "--ha needs a store with locks, which only Consul has", {
      hint: "use Consul, or leave --ha out: writes are check-and-set without it too",
    });
  }
  const stop = new AbortController();
  const context = { clock, logger: SILENT, who: groupId(group), signal: stop.signal };
  const service = create(checker, () => checker.create(options.values, context));
  try {
    const members = firstTarget(options.values["server"]);
    if (service.basePort !== undefined || members.length > 0) groupProxyport(options, { checker, service, members });
  } finally {
    stop.abort();
    await close(service, checker.kind);
  }
}

/** Of a service that has opened nothing: whoever takes long over that would hold up the start of all tags. */
const CLOSE_MS = 1_000;

async function close(service: Service, kind: string): Promise<void> {
  const never = new AbortController();
  try {
    await withDeadline("close()", CLOSE_MS, never.signal, () => service.close());
  } catch (error) {
    throw new AppError("E_CONFIG", `${kind}: a service that was never used cannot be closed: ${errorText(error)}`);
  }
}

/** A plugin throws what it likes. */
function create(checker: Checker, make: () => Service): Service {
  let service: Service;
  try {
    service = make();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("E_CONFIG", `${checker.kind}: create() failed: ${errorText(error)}`);
  }
  for (const method of ["discover", "open", "close"] as const) {
    if (typeof service?.[method] === "function") continue;
    throw new AppError("E_CONFIG", `${checker.kind}: create() must return a service with the method ${method}`);
  }
  return service;
}

/** Where the servers are simply listed, the list is in `--server`. */
function firstTarget(
  server: unknown,
): readonly { readonly target: { readonly host: string; readonly port: number } }[] {
  return Array.isArray(server) && server.length > 0 ? [{ target: server[0] }] : [];
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };
