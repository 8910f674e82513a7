import type { Call } from "../../src/core/call.ts";
import type { DiscoverCall, ServiceContext } from "../../src/core/checker.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import { createCandidates } from "./candidates.ts";
import { type FinderContext, findReplicas } from "./finder.ts";
import type { KnownReplicas } from "./known.ts";
import type { Listing } from "./listing.ts";
import type { ReadLogin } from "./login.ts";
import type { Master } from "./master.ts";
import type { Names } from "./names.ts";
import { verdictAboutUs } from "./server-error.ts";
import { createVisits, type Visits } from "./visits.ts";

/** The list of targets, asked for anew each round. */
export interface Discovery {
  /** As a service's `discover`: the same array while the list is the same; throws when the master cannot be asked. */
  discover(call: DiscoverCall): Promise<readonly Target[]>;
  close(): void;
}

/** What a discovery is made of. */
export interface DiscoveryOptions {
  readonly master: Master;
  readonly known: KnownReplicas;
  readonly names: Names;
  readonly login: ReadLogin;
  readonly user: string;
  /** Named outright: nobody is asked then. In this order. */
  readonly replicas: readonly Target[] | undefined;
  readonly replicaPort: number;
  readonly recurse: boolean;
  /** The master stands last in the list, for when no replica is healthy. */
  readonly withMaster: boolean;
  readonly context: Pick<ServiceContext, "clock" | "logger" | "who">;
}

/** Of the caller's timeout: with a master that hangs there must still be time to return the list that is known. */
const SHARE_OF_TIMEOUT = 0.8;
const DEFAULT_TIMEOUT_MS = 500;

/** Connects nothing yet. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { master, known, login, context } = options;
  const warn = createOnce((text) => context.logger.warn(`${context.who}: ${text}`));
  const visits = createVisits(login, context.clock);
  const finder = createFinder(options, { visits, warn });
  let listed: readonly Target[] = [];
  let delivered: readonly Target[] | undefined;

  async function find({ signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Call): Promise<void> {
    const limitMs = timeoutMs * SHARE_OF_TIMEOUT;
    await withDeadline("asking it", limitMs, signal, async (inner) => {
      const call = { signal: inner, timeoutMs: limitMs };
      const identity = await master.introduce(call);
      if (options.replicas !== undefined) return;
      const listing = await master.list(call);
      tellMissing(listing, { lacking: `the user ${options.user} lacks`, server: targetName(master.target), warn });
      known.listed(await findReplicas({ target: master.target, identity, listing }, finder, call));
      known.forget();
      visits.keepOnly(known.targets);
    });
  }

  /** The list as it is known now; the same array while it is the same. */
  function current(): readonly Target[] {
    const replicas = (options.replicas ?? known.targets).filter((target) => !isMaster(target));
    const next = options.withMaster ? [...replicas, { ...master.target, lastResort: true }] : replicas;
    if (next.map(targetName).join() !== listed.map(targetName).join()) listed = next;
    return listed;
  }

  function deliver(list: readonly Target[], { signal }: Call): readonly Target[] {
    if (!signal.aborted) delivered = list;
    return list;
  }

  /** With a master that cannot be asked and nobody known, what is published is all there is to go by. */
  function assumePublished(published: Target | undefined): void {
    if (published === undefined || isMaster(published) || known.targets.length > 0) return;
    known.assume(published);
  }

  function isMaster(target: Target): boolean {
    return targetName(target) === targetName(master.target);
  }

  return {
    async discover(call) {
      try {
        await find(call);
        return deliver(current(), call);
      } catch (error) {
        assumePublished(call.published);
        const list = current();
        const isNew = list !== delivered && known.targets.length > 0;
        // A list that is new is worth more than the error, which the next round tells. The master alone is no list:
        // it would take the place of a replica that is published and only cannot be found at this moment.
        if (isNew || options.replicas !== undefined) return deliver(list, call);
        const reason = verdictAboutUs(error)?.reason;
        const cause = reason === undefined ? error : new Error(reason, { cause: error });
        throw new Error(`the master ${targetName(master.target)} does not tell its replicas`, { cause });
      }
    },
    close() {
      visits.close();
      master.close();
    },
  };
}

interface FinderParts {
  readonly visits: Visits;
  warn(text: string): void;
}

function createFinder(options: DiscoveryOptions, { visits, warn }: FinderParts): FinderContext {
  const { login, names, context, replicaPort, recurse } = options;
  const candidates = createCandidates(login, { clock: context.clock, names }, (target, error) => {
    const reason = verdictAboutUs(error)?.reason;
    if (reason === undefined) return;
    warn(`${targetName(target)} reads a binary log, but whether it is a replica cannot be told (${reason})`);
  });
  return {
    candidates,
    replicaPort,
    recurse,
    askReplica: (target, call) => visits.ask(target, call),
    failed(target, error) {
      const reason = verdictAboutUs(error)?.reason;
      // One that is down is told of by its probe.
      if (reason !== undefined) warn(`${targetName(target)} cannot be asked for its own replicas (${reason})`);
    },
  };
}

interface MissingWords {
  readonly lacking: string;
  readonly server: string;
  warn(text: string): void;
}

/** Throws when nothing can be found without the grants. */
function tellMissing({ registered, missingGrants }: Listing, { lacking, server, warn }: MissingWords): void {
  const [first, second] = missingGrants;
  if (first === undefined) return;
  const lacks = `${lacking} ${missingGrants.join(" and ")} on ${server}`;
  if (registered === undefined && second !== undefined) {
    throw new Error(
      `${lacks}: GRANT ${first} ON *.* finds replicas that report themselves, GRANT ${second} ON *.* all`,
    );
  }
  const found =
    registered === undefined
      ? "replicas are found by their connections alone"
      : "replicas without report_host are not found";
  warn(`${lacks}: ${found}`);
}

function createOnce(say: (text: string) => void): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (said.has(text)) return;
    said.add(text);
    say(text);
  };
}
