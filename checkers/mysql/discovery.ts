import type { Call } from "../../src/core/call.ts";
import type { DiscoverCall, ServiceContext } from "../../src/core/checker.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { createCandidates } from "./candidates.ts";
import { type FinderContext, findReplicas } from "./finder.ts";
import { parseIdentity } from "./identity.ts";
import type { KnownReplicas } from "./known.ts";
import { createLister, type Lister, type Listing } from "./listing.ts";
import type { ReadLogin } from "./login.ts";
import type { Master } from "./master.ts";
import type { Names } from "./names.ts";
import { isDenied, verdictAboutUs } from "./server-error.ts";
import { createSession, type Session } from "./session.ts";

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

/** A replica that is asked for its own replicas. */
interface Visit {
  readonly session: Session;
  readonly lister: Lister;
}

/** Connects nothing yet. */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { master, known, login, context } = options;
  const visits = new Map<string, Visit>();
  const warn = createOnce((text) => context.logger.warn(`${context.who}: ${text}`));
  const candidates = createCandidates(login, { clock: context.clock, names: options.names }, tellRefused);
  const finder: FinderContext = {
    candidates,
    replicaPort: options.replicaPort,
    recurse: options.recurse,
    askReplica,
    failed: (target, error) => {
      if (isDenied(error) || verdictAboutUs(error) !== undefined) {
        warn(`${targetName(target)} cannot be asked for its own replicas (${words(error)})`);
      }
    },
  };
  let listed: readonly Target[] = [];

  function tellRefused(target: Target, error: unknown): void {
    const about = verdictAboutUs(error);
    if (about === undefined) return;
    warn(
      `${targetName(target)} reads the master's binary log, but it cannot be told whether it is a replica (${about.reason})`,
    );
  }

  /** On a connection that is kept beside the probe's, so that neither waits for the other. */
  async function askReplica(target: Target, { signal }: Call) {
    const name = targetName(target);
    const { session, lister } = visits.get(name) ?? visit(target);
    const identity = parseIdentity(await session.query((dialect) => dialect.selectIdentity, signal));
    return { target, identity, listing: await lister.list(signal) };
  }

  function visit(target: Target): Visit {
    const session = createSession({ target, login });
    const made = { session, lister: createLister(session, context.clock) };
    visits.set(targetName(target), made);
    return made;
  }

  async function find(call: Call): Promise<void> {
    const identity = await master.introduce(call);
    if (options.replicas !== undefined) return;
    const listing = await master.list(call);
    tellMissing(listing);
    known.listed(await findReplicas({ target: master.target, identity, listing }, finder, call));
    known.forget();
    forgetVisits();
  }

  function forgetVisits(): void {
    const names = new Set(known.targets.map(targetName));
    for (const [name, { session }] of visits) {
      if (names.has(name)) continue;
      session.close();
      visits.delete(name);
    }
  }

  function tellMissing({ registered, missingGrants }: Listing): void {
    const [first, second] = missingGrants;
    if (first === undefined) return;
    const lacks = `the user ${options.user} lacks ${missingGrants.join(" and ")} on ${targetName(master.target)}`;
    if (registered === undefined && second !== undefined) {
      throw new Error(
        `${lacks}: GRANT ${first} ON *.* finds replicas that set report_host, GRANT ${second} ON *.* the others`,
      );
    }
    const without =
      registered === undefined
        ? "replicas are found by their connections alone"
        : "replicas without report_host are not found";
    warn(`${lacks}: ${without}`);
  }

  /** The list as it is known now; the same array while it is the same. */
  function current(): readonly Target[] {
    const replicas = (options.replicas ?? known.targets).filter((target) => !isMaster(target));
    const next = options.withMaster ? [...replicas, { ...master.target, lastResort: true }] : replicas;
    if (next.map(targetName).join() !== listed.map(targetName).join()) listed = next;
    return listed;
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
        return current();
      } catch (error) {
        assumePublished(call.published);
        const before = listed;
        // A list that is new is worth more than the error, which the next round tells.
        if (current() !== before || options.replicas !== undefined) return listed;
        const cause = verdictAboutUs(error) === undefined ? error : new Error(words(error));
        throw new Error(`the master ${targetName(master.target)} does not tell its replicas`, { cause });
      }
    },
    close() {
      for (const { session } of visits.values()) session.close();
      visits.clear();
      master.close();
    },
  };
}

function words(error: unknown): string {
  return verdictAboutUs(error)?.reason ?? (error instanceof Error ? error.message : String(error));
}

function createOnce(say: (text: string) => void): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (said.has(text)) return;
    said.add(text);
    say(text);
  };
}
