import type { Call } from "../../src/core/call.ts";
import { type Target, targetName } from "../../src/core/targets.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import type { Candidates } from "./candidates.ts";
import type { Identity } from "./identity.ts";
import type { FoundReplica } from "./known.ts";
import { type Listing, unaccountedReaders } from "./listing.ts";

/** A server that can be asked for its replicas. */
export interface Asked {
  readonly target: Target;
  readonly identity: Identity | undefined;
}

/** What finding needs beside the master's own answer. */
export interface FinderContext {
  readonly candidates: Candidates;
  /** Of a replica that reports none, or that is known by its connection alone. */
  readonly replicaPort: number;
  /** Chained replicas too. */
  readonly recurse: boolean;
  /** Asks a replica for its own replicas; rejects when it cannot be told. */
  askReplica(target: Target, call: Call): Promise<Asked & { readonly listing: Listing }>;
  /** It could not be asked; its replicas that are known stay known. */
  failed(target: Target, error: unknown): void;
}

/** Master, replica, its replica, and one more: longer chains are a slip or a ring. */
const MOST_DEPTH = 4;

/** A replica that hangs must not use up the time of the others. */
const SHARE_OF_TIMEOUT = 2;
const DEFAULT_TIMEOUT_MS = 500;

/**
 * Who replicates from `asked`, by its listing, and with `recurse` from those again. Those that registered with a
 * host are taken as they are; other readers only if they prove to be replicas. Nobody twice, the master never.
 */
export async function findReplicas(
  asked: Asked & { readonly listing: Listing },
  context: FinderContext,
  call: Call,
): Promise<readonly FoundReplica[]> {
  const seen: Seen = { names: new Set([targetName(asked.target)]), ids: new Set(), found: [] };
  if (asked.identity?.serverId !== undefined) seen.ids.add(asked.identity.serverId);
  await walk(asked, { context, call, seen, depth: 1 });
  return seen.found;
}

/** Cuts rings: whoever is in here is not looked at again. */
interface Seen {
  readonly names: Set<string>;
  readonly ids: Set<number>;
  readonly found: FoundReplica[];
}

interface Walk {
  readonly context: FinderContext;
  readonly call: Call;
  readonly seen: Seen;
  readonly depth: number;
}

async function walk(asked: Asked & { readonly listing: Listing }, at: Walk): Promise<void> {
  const { context, call, seen, depth } = at;
  const direct = [...takeRegistered(asked.listing, at), ...(await takeReaders(asked, at))];
  if (!context.recurse || depth >= MOST_DEPTH) return;
  await Promise.all(
    direct.map(async ({ target }) => {
      try {
        await walk(await askInTime(target, context, call), { context, call, seen, depth: depth + 1 });
      } catch (error) {
        if (call.signal.aborted) throw error;
        context.failed(target, error);
      }
    }),
  );
}

function askInTime(target: Target, context: FinderContext, { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Call) {
  const limitMs = timeoutMs / SHARE_OF_TIMEOUT;
  return withDeadline("asking a replica for its replicas", limitMs, signal, (inner) =>
    context.askReplica(target, { signal: inner, timeoutMs: limitMs }),
  );
}

function takeRegistered({ registered }: Listing, { context, seen }: Walk): readonly FoundReplica[] {
  return (registered ?? []).flatMap(({ host, port, serverId }) => {
    if (host === undefined) return [];
    return take({ target: { host, port: port ?? context.replicaPort }, serverId: serverId || undefined }, seen);
  });
}

async function takeReaders(
  asked: Asked & { readonly listing: Listing },
  { context, call, seen }: Walk,
): Promise<readonly FoundReplica[]> {
  const targets = unaccountedReaders(asked.listing)
    .map((host) => ({ host, port: context.replicaPort }))
    .filter((target) => !seen.names.has(targetName(target)));
  const examined = await Promise.all(targets.map((target) => context.candidates.examine(target, asked, call)));
  return targets.flatMap((target, at) => {
    const answer = examined[at];
    return answer?.isReplica === true ? take({ target, serverId: answer.identity.serverId }, seen) : [];
  });
}

function take(found: FoundReplica, { names, ids, found: all }: Seen): readonly FoundReplica[] {
  const name = targetName(found.target);
  if (names.has(name) || (found.serverId !== undefined && ids.has(found.serverId))) return [];
  names.add(name);
  if (found.serverId !== undefined) ids.add(found.serverId);
  all.push(found);
  return [found];
}
