import { AppError, errorText } from "../core/errors.ts";
import type { PeersReading } from "../core/peers-status.ts";
import type { TemplateResource } from "../core/resource.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { createWake } from "../lib/wake.ts";
import { type PeersWorld, placesOfResource } from "./peers-places.ts";
import { readPeersStatus } from "./peers-status.ts";
import { judgePeers } from "./peers-verdict.ts";

/** Asks the HAProxies of resources with `[peers]` for their writer, again and again, for metrics and the status page. */
export interface PeersWatch {
  /** Whom to ask from now on. */
  follow(resources: readonly TemplateResource[], store: StoreOptions): void;
  /** As they were asked last, in the order of the resources; those that were never asked are not there. */
  readings(): readonly PeersReading[];
  /** Asks no more; safe to call twice. */
  end(): Promise<void>;
}

const EVERY_MS = 5_000;
/** Less than the interval: one that hangs is told each time. */
const TIMEOUT_MS = 2_000;

const NOTHING = { table: undefined, backend: undefined, haproxies: [], unasked: [], warnings: [] };

/** Begins at once; never throws, and nothing waits for it. */
export function watchPeers({ clock, logger }: Omit<PeersWorld, "stop">): PeersWatch {
  const stopping = new AbortController();
  const world: PeersWorld = { clock, logger, stop: stopping.signal };
  let followed: { readonly resources: readonly TemplateResource[]; readonly store: StoreOptions } | undefined;
  let readings: readonly PeersReading[] = [];
  const wake = createWake();
  const told = new Map<string, string>();

  async function readAll(): Promise<void> {
    if (followed === undefined) return;
    const { resources, store } = followed;
    const request = { table: undefined, backend: undefined, timeoutMs: TIMEOUT_MS, store };
    readings = await Promise.all(resources.map((resource) => readOne(resource, request)));
  }

  async function readOne(
    resource: TemplateResource,
    request: Parameters<typeof placesOfResource>[1],
  ): Promise<PeersReading> {
    try {
      const status = await readPeersStatus(await placesOfResource(resource, request, world), world);
      const verdict = judgePeers(status);
      tell(resource.name, verdict.isGood, [verdict.summary, ...verdict.troubles].join("; "));
      return { status, verdict };
    } catch (error) {
      world.stop.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
      // E_USAGE and E_CONFIG, which are the same each time: the resource has to say more.
      const doubt = errorText(error);
      tell(resource.name, false, doubt);
      const status = { ...NOTHING, resource: resource.name, doubts: [doubt] };
      return { status, verdict: judgePeers(status) };
    }
  }

  /** Only what changes between good and not so: what is wrong in detail changes all the time. */
  function tell(resource: string, isGood: boolean, says: string): void {
    const now = isGood ? "good" : "bad";
    const before = told.get(resource);
    told.set(resource, now);
    if (before === now || (before === undefined && isGood)) return;
    if (isGood) world.logger.info("the HAProxies with one writer are well again", { resource, says });
    else world.logger.warn("the HAProxies with one writer are not as they should be", { resource, says });
  }

  async function run(): Promise<void> {
    while (!world.stop.aborted) {
      try {
        await readAll();
      } catch (error) {
        if (world.stop.aborted) return;
        world.logger.error("asking the HAProxies for their writer failed", { err: errorText(error) });
      }
      await wake.wait(EVERY_MS, world.stop);
    }
  }

  const running = run();
  return {
    follow(resources, store) {
      followed = { resources: resources.filter(({ peers }) => peers !== undefined), store };
      wake.ring();
    },
    readings: () => readings,
    end() {
      stopping.abort(new Error("nobody asks any more"));
      return running;
    },
  };
}
