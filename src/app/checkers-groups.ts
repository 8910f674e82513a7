import { runGroup } from "../check/group.ts";
import { isHeldUnderLock } from "../check/leadership.ts";
import { phaseOf, pulseOf } from "../check/options.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import { exclusiveWords } from "../core/exclusive.ts";
import type { Latch } from "../core/latch.ts";
import type { Logger } from "../core/logger.ts";
import type { StandingSource } from "../core/standing.ts";
import type { GroupStatus } from "../core/status.ts";
import type { Store } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";
import { withDeadline } from "../lib/deadline.ts";
import { formatMs } from "../lib/duration.ts";
import { groupId, type PlannedGroup } from "./checkers-plan.ts";

/** The tags that are checked at this moment, each by a loop of its own. */
export interface RunningGroups {
  /** Ends those that are not in the list, starts those that are new, does both for those that changed. */
  apply(groups: readonly PlannedGroup[], store: Store | undefined): GroupChanges;
  /** Of each tag, how it is at this moment. */
  statuses(): readonly GroupStatus[];
  /** Of each tag, where the agent finds its answers; the same array as long as the tags are the same. */
  seats(): readonly GroupSeat[];
  /** Ends them all; resolves when they have ended. */
  stop(): Promise<void>;
}

/** What {@link RunningGroups.apply} did, as `kind/tag`. */
export interface GroupChanges {
  readonly started: readonly string[];
  readonly stopped: readonly string[];
  readonly changed: readonly string[];
  /** Resolves when those that were to end have ended. */
  readonly settled: Promise<void>;
}

/** A tag, for the agent. */
export interface GroupSeat {
  readonly kind: string;
  readonly tag: string;
  readonly options: PlannedGroup["options"];
  /** Undefined while the tag does not run. */
  source(): StandingSource | undefined;
}

/** What the groups share. */
export interface GroupsContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of an error that ended a group for good; without it a group is started again after a while. */
  readonly onFailure?: (error: unknown) => void;
  /** With `--manual-recovery`: who of a tag was down and stays down. */
  readonly latchOf: (group: PlannedGroup) => Latch | undefined;
}

/** After an error that is no server's and no store's: a bug, most likely in a plugin. */
const RESTART = { firstMs: 1_000, maxMs: 60_000 };

/** How long a group may take to end. Whoever takes longer, a plugin that never closes, is left behind. */
const END_MS = 5_000;

interface Running {
  readonly identity: string;
  status(): GroupStatus;
  readonly seat: GroupSeat;
  readonly store: Store | undefined;
  readonly onceListed: Set<string>;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Nothing runs at first. */
export function createGroups(context: GroupsContext): RunningGroups {
  const running = new Map<string, Running>();
  let seats: readonly GroupSeat[] = [];

  function start(group: PlannedGroup, store: Store | undefined, before: Running | undefined): Running {
    const after = before?.stop() ?? Promise.resolve();
    const onceListed = before?.onceListed ?? new Set<string>();
    const stop = new AbortController();
    const idle = () => idleStatus(group, store);
    let status = idle;
    let source: StandingSource | undefined;
    const tellers: Tellers = {
      onStatus(read) {
        status = read;
      },
      onStanding(standing) {
        source = standing;
      },
      onEnd() {
        status = idle;
        source = undefined;
      },
    };
    const work = after.then(() => keepRunning(group, { ...context, store, signal: stop.signal, tellers, onceListed }));
    const seat = { kind: group.checker.kind, tag: group.options.tag, options: group.options, source: () => source };
    let ended: Promise<void> | undefined;
    return {
      identity: group.identity,
      store,
      onceListed,
      status: () => status(),
      seat,
      stop() {
        stop.abort(new Error("this tag is not checked any more"));
        ended ??= endOf(groupId(group), work, context.logger);
        return ended;
      },
    };
  }

  function apply(groups: readonly PlannedGroup[], store: Store | undefined): GroupChanges {
    const wanted = new Map(groups.map((group) => [groupId(group), group]));
    const [started, changed]: [string[], string[]] = [[], []];
    const gone = [...running].filter(([id]) => !wanted.has(id));
    const ends = gone.map(([id, { stop }]) => {
      running.delete(id);
      return stop();
    });
    for (const [at, group] of groups.entries()) {
      const id = groupId(group);
      const before = running.get(id);
      if (before?.identity === group.identity && before.store === store) continue;
      (before === undefined ? started : changed).push(id);
      if (before !== undefined) ends.push(before.stop());
      running.set(id, start(amongOthers(group, at, groups.length), store, before));
    }
    seats = [...running.values()].map(({ seat }) => seat);
    return { started, stopped: gone.map(([id]) => id), changed, settled: Promise.all(ends).then(() => {}) };
  }

  return {
    apply,
    seats: () => seats,
    statuses: () => [...running.values()].map(({ status }) => status()),
    async stop() {
      await Promise.all([...running.values()].map((group) => group.stop()));
    },
  };
}

/** Many tags spread their probes over the interval, and share the pings that a process can afford. */
function amongOthers(group: PlannedGroup, index: number, count: number): PlannedGroup {
  const { intervalMs, pulseMs } = group.options;
  const pulse = { pulseMs: pulseOf(pulseMs, count, intervalMs) };
  const phase = count === 1 ? {} : { phaseMs: phaseOf(index, count, intervalMs) };
  return { ...group, options: { ...group.options, ...pulse, ...phase } };
}

/** What a running group hands out, and that it is void. */
interface Tellers {
  onStatus(read: () => GroupStatus): void;
  onStanding(source: StandingSource): void;
  onEnd(): void;
}

interface GroupContext extends GroupsContext {
  readonly store: Store | undefined;
  readonly signal: AbortSignal;
  readonly tellers: Tellers;
  readonly onceListed: Set<string>;
}

/** Resolves when the signal aborts. Never rejects. */
async function keepRunning(group: PlannedGroup, context: GroupContext): Promise<void> {
  const { clock, logger, signal, store, tellers, onceListed, onFailure } = context;
  const { checker, options } = group;
  const backoff = createBackoff(RESTART);
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs();
    try {
      const latch = context.latchOf(group);
      const optional = { ...(store === undefined ? {} : { store }), ...(latch === undefined ? {} : { latch }) };
      await runGroup(options, { checker, clock, logger, signal, onceListed, ...tellers, ...optional });
      return;
    } catch (error) {
      tellers.onEnd();
      if (onFailure !== undefined) return onFailure(error);
      if (clock.monotonicMs() - startedMs > RESTART.maxMs) backoff.reset();
      const waitMs = backoff.next();
      tellFailure(`${checker.kind} ${options.tag}`, error, { logger, waitMs });
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }
}

function tellFailure(who: string, error: unknown, { logger, waitMs }: { logger: Logger; waitMs: number }): void {
  logger.error(
    `${who}: an error ended it (${errorText(error)}); its entry stays as it is, the other tags go on, and it is started again in ${formatMs(waitMs)}`,
    { stack: error instanceof Error ? error.stack : undefined },
  );
}

/** Of a tag that does not run at this moment, because an error has ended it. */
function idleStatus({ checker, options }: PlannedGroup, store: Store | undefined): GroupStatus {
  return {
    kind: checker.kind,
    tag: options.tag,
    published: undefined,
    leader: isHeldUnderLock(options, store) ? false : undefined,
    publishes: store !== undefined,
    storeReadable: false,
    orders: [],
    servers: [],
    exclusive: exclusiveWords(checker, options.values) !== undefined,
    split: false,
    counters: { rounds: 0, lateRounds: 0, probes: 0, failedProbes: 0, writes: 0, lostWrites: 0, splits: 0 },
  };
}

async function endOf(id: string, work: Promise<void>, logger: Logger): Promise<void> {
  const never = new AbortController();
  try {
    await withDeadline(`the end of ${id}`, END_MS, never.signal, () => work);
  } catch (error) {
    logger.warn(`${errorText(error)}; it is left behind`);
  }
}
