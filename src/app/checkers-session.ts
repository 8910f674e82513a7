import { AGENT_FLAGS } from "../config/flags-checkers.ts";
import type { Logger } from "../core/logger.ts";
import type { GroupStatus } from "../core/status.ts";
import type { Store } from "../core/store.ts";
import { createGroups, type GroupChanges, type GroupSeat, type GroupsContext } from "./checkers-groups.ts";
import { type CheckersPlan, groupId } from "./checkers-plan.ts";
import { openCheckersStore } from "./checkers-store.ts";

/** The plan in force: its store and its running tags. */
export interface CheckersSession {
  /** Opens the store and starts the tags. Throws E_CONFIG. */
  begin(plan: CheckersPlan): Promise<void>;
  /** Puts another plan in force; what is the same in both goes on undisturbed. Throws E_CONFIG, with the old in force. */
  change(plan: CheckersPlan): Promise<GroupChanges>;
  /** Of each tag, how it is at this moment. */
  statuses(): readonly GroupStatus[];
  /** Of each tag, where the agent finds its answers. */
  seats(): readonly GroupSeat[];
  /** Ends everything; safe when it never began. */
  end(): Promise<void>;
}

/** What takes effect at a start only. */
const START_VALUES = [
  ...["log-level", "log-format", "status-port", "status-bind", "state-dir"],
  ...AGENT_FLAGS.map(({ name }) => name),
];

/** What a session is given beside what its groups share. */
export interface SessionContext extends GroupsContext {
  /** Told of the store that is in force from now on, before any group uses it. */
  readonly onStore: (store: Store | undefined, plan: CheckersPlan) => Promise<void>;
}

/** Nothing is in force at first. */
export function createSession(context: SessionContext): CheckersSession {
  const { logger } = context;
  const groups = createGroups(context);
  let current: { readonly plan: CheckersPlan; readonly store: Store | undefined } | undefined;
  const closing: Promise<void>[] = [];
  const told = new Set<string>();
  const warn = ({ warnings }: CheckersPlan) => tellOnce(warnings, told, logger);

  return {
    async begin(plan) {
      warn(plan);
      const store = await openCheckersStore(plan, context);
      current = { plan, store };
      await context.onStore(store, plan);
      logger.info(`${whatOf(plan)}: checking`, store === undefined ? {} : { store: store.name });
      groups.apply(plan.groups, store);
    },
    async change(plan) {
      const before = current;
      const sameStore = before !== undefined && JSON.stringify(before.plan.store) === JSON.stringify(plan.store);
      const store = sameStore ? before.store : await openCheckersStore(plan, context);
      warn(plan);
      if (before !== undefined) warnOfStartValues(before.plan, plan, logger);
      if (before === undefined || !sameStore) await context.onStore(store, plan);
      const changes = groups.apply(plan.groups, store);
      if (before !== undefined && !sameStore) closing.push(changes.settled.then(() => before.store?.close()));
      current = { plan, store };
      return changes;
    },
    statuses: () => groups.statuses(),
    seats: () => groups.seats(),
    async end() {
      await groups.stop();
      await Promise.all(closing);
      if (current === undefined) return;
      await current.store?.close();
      logger.info(`${whatOf(current.plan)}: stopped`);
    },
  };
}

/** `memcached mem1` or `12 tags`. */
function whatOf({ groups }: CheckersPlan): string {
  const [first] = groups;
  return first !== undefined && groups.length === 1 ? groupId(first).replace("/", " ") : `${groups.length} tags`;
}

function tellOnce(warnings: readonly string[], told: Set<string>, logger: Logger): void {
  for (const warning of warnings) {
    if (!told.has(warning)) logger.warn(warning);
    told.add(warning);
  }
}

function warnOfStartValues(before: CheckersPlan, now: CheckersPlan, logger: Logger): void {
  const changed = START_VALUES.filter((name) => before.values[name] !== now.values[name]);
  if (changed.length > 0) logger.warn(`${changed.join(", ")}: the new value takes effect at the next start`);
}
