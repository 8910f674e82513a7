import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Snapshot, Store } from "../core/store.ts";
import type { Supervisor } from "../core/supervisor.ts";
import { type Backoff, createBackoff } from "../lib/backoff.ts";
import { createWake } from "../lib/wake.ts";
import { isGood, type Outcome } from "./outcome.ts";
import type { Pipeline } from "./pipeline.ts";
import { prefixesOf } from "./prefixes.ts";
import { putBack } from "./put-back.ts";
import type { Reloader } from "./reloader.ts";
import type { Report } from "./report.ts";
import { dueAtMs } from "./schedule.ts";
import { followAll } from "./sources.ts";

/** Between the beginnings of two passes over one resource, ms: bounds the reloads of a storm. */
const QUIET_MS = 100;
/** How soon what failed is tried again though nothing changed, ms: a full disk or a missing include may be mended. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

/** What the loop works with. */
export interface WatchDeps {
  readonly pipelines: readonly Pipeline[];
  readonly reloader: Reloader;
  readonly report: Report;
  readonly supervisor: Supervisor;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ask the store at this interval instead of watching it, ms. */
  readonly intervalMs: number | undefined;
  /** A change waits a random time up to this, ms, so that a fleet does not reload at once. */
  readonly splayMs: number;
  readonly syncOnly: boolean;
  /** Ends running commands too; the loop's own signal lets them finish. */
  readonly hardStop: AbortSignal;
}

/** One resource in the loop. */
interface Member {
  readonly pipeline: Pipeline;
  readonly backoff: Backoff;
  dirtySinceMs: number | undefined;
  changedAtMs: number;
  passedAtMs: number;
  retryAtMs: number | undefined;
  splayMs: number;
  outcome: Outcome | undefined;
}

/**
 * The service: follows the store and keeps every dest, and what runs, as they should be, until the signal
 * aborts; the step in hand is finished then. One loop does all the work, so two passes never overlap and a
 * change that comes meanwhile folds into the next one.
 */
export async function watch(deps: WatchDeps, signal: AbortSignal): Promise<void> {
  const wake = createWake();
  const snapshots = new Map<string, Snapshot>();
  const members = deps.pipelines.map(createMember);
  for (const member of members) if (member.pipeline.resource.keys.length === 0) touch(member, deps);
  const onSnapshot = (snapshot: Snapshot) => {
    snapshots.set(snapshot.prefix, snapshot);
    for (const member of members) {
      const { keys } = member.pipeline.resource;
      // not before all that it needs has been read once
      if (keys.includes(snapshot.prefix) && keys.every((key) => snapshots.has(key))) touch(member, deps);
    }
    wake.ring();
  };
  const prefixes = prefixesOf(deps.pipelines.map((pipeline) => pipeline.resource));
  // of its own, so that the sources end with this loop also when it ends by a fault of ours
  const following = new AbortController();
  const unfollow = () => following.abort(signal.reason);
  signal.addEventListener("abort", unfollow, { once: true });
  if (signal.aborted) unfollow();
  const sources = followAll(prefixes, { ...deps, onSnapshot }, following.signal);
  const announce = createAnnouncer(deps, members);
  try {
    while (!signal.aborted) {
      await wake.wait(idleMs(deps, members), signal);
      for (const member of members) {
        if (!signal.aborted && isDue(member, deps)) await pass(member, snapshots, deps);
      }
      if (!signal.aborted && !deps.syncOnly) {
        await reloadDue(members, deps);
      }
      announce();
    }
  } finally {
    signal.removeEventListener("abort", unfollow);
    unfollow();
    await sources;
  }
}

function createMember(pipeline: Pipeline): Member {
  return {
    pipeline,
    backoff: createBackoff(RETRY),
    dirtySinceMs: undefined,
    changedAtMs: 0,
    passedAtMs: Number.NEGATIVE_INFINITY,
    retryAtMs: undefined,
    splayMs: 0,
    outcome: undefined,
  };
}

/** The first look at the data is not splayed: a service that starts is late already. */
function touch(member: Member, deps: WatchDeps): void {
  const nowMs = deps.clock.monotonicMs();
  if (member.dirtySinceMs === undefined) {
    member.dirtySinceMs = nowMs;
    member.splayMs = member.outcome === undefined ? 0 : Math.random() * deps.splayMs;
  }
  member.changedAtMs = nowMs;
}

function memberDueAtMs(member: Member, deps: WatchDeps): number | undefined {
  const { debounceMs } = member.pipeline.resource;
  return dueAtMs(member, { quietMs: QUIET_MS, debounceMs, splayMs: member.splayMs }) ?? lookAtMs(member, deps);
}

/** When the HAProxy of a dest that is as it should be is to be compared with it, monotonic ms. */
function lookAtMs({ outcome, pipeline }: Member, { clock }: WatchDeps): number | undefined {
  const inMs = outcome !== undefined && isGood(outcome) ? pipeline.lookDueInMs() : undefined;
  return inMs === undefined ? undefined : clock.monotonicMs() + inMs;
}

function isDue(member: Member, deps: WatchDeps): boolean {
  return (memberDueAtMs(member, deps) ?? Number.POSITIVE_INFINITY) <= deps.clock.monotonicMs();
}

async function pass(member: Member, snapshots: ReadonlyMap<string, Snapshot>, deps: WatchDeps): Promise<void> {
  const { resource } = member.pipeline;
  const again = member.dirtySinceMs === undefined;
  member.dirtySinceMs = undefined;
  member.retryAtMs = undefined;
  member.passedAtMs = deps.clock.monotonicMs();
  const outcome = await member.pipeline.run(snapshots, { signal: deps.hardStop, again });
  member.outcome = outcome;
  deps.report.outcome(resource, outcome);
  if (outcome.result === "changed") deps.reloader.changed(resource);
  if (isGood(outcome)) member.backoff.reset();
  else member.retryAtMs = deps.clock.monotonicMs() + member.backoff.next();
}

async function reloadDue(members: readonly Member[], deps: WatchDeps): Promise<void> {
  const failures = await deps.reloader.runDue({ signal: deps.hardStop });
  for (const { pipeline, outcome } of putBack(failures, deps)) {
    const member = members.find((one) => one.pipeline === pipeline);
    if (member !== undefined) member.outcome = outcome;
    deps.report.outcome(pipeline.resource, outcome);
  }
}

/** How long the loop may sleep, ms; undefined: until something happens. */
function idleMs(deps: WatchDeps, members: readonly Member[]): number | undefined {
  const nowMs = deps.clock.monotonicMs();
  const waits = members
    .map((member) => memberDueAtMs(member, deps))
    .map((atMs) => (atMs === undefined ? undefined : atMs - nowMs));
  const reload = deps.syncOnly ? undefined : deps.reloader.dueInMs();
  const known = [...waits, reload, deps.supervisor.turnEveryMs].filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
}

/** Tells the supervisor how things are, after each turn. */
function createAnnouncer(deps: WatchDeps, members: readonly Member[]): () => void {
  let ready = false;
  return () => {
    const bad = members.filter((member) => member.outcome === undefined || !isGood(member.outcome));
    const isReloadDue = !deps.syncOnly && deps.reloader.dueInMs() !== undefined;
    deps.supervisor.turned();
    if (!ready && bad.length === 0 && !isReloadDue) {
      ready = true;
      deps.supervisor.ready();
    }
    const troubled = bad.map(
      (member) => `${member.pipeline.resource.name} ${member.outcome?.result ?? "not read yet"}`,
    );
    const parts = [`${members.length - bad.length} of ${members.length} resources current`, ...troubled];
    deps.supervisor.status([...parts, ...(isReloadDue ? ["a reload is outstanding"] : [])].join("; "));
  };
}
