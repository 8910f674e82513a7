import type { Service } from "../core/checker.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type Target, targetName } from "../core/targets.ts";
import { withDeadline } from "../lib/deadline.ts";
import { createMember, type Member, type MemberContext } from "./member.ts";

/** The targets of a group, in order of preference, as the checker finds them. */
export interface Roster {
  readonly members: readonly Member[];
  /** The checker has told which there are: who is not among them is none. */
  readonly isKnown: boolean;
  /**
   * Asks the checker for its targets, opens new ones, closes those that are gone. When it cannot be told which
   * there are the known ones stay: they do not depend on whoever lists them. Rejects with E_USAGE and
   * E_CONFIG and for a bug.
   */
  refresh(): Promise<void>;
  /** As {@link Roster.refresh} after news: one that is under way may tell of before them and is followed by another. */
  renew(): Promise<void>;
  close(): Promise<void>;
}

/** Whose targets, and who is told. */
export interface RosterContext {
  readonly service: Service;
  /** What the store says is published, for a service whose lister is gone. */
  readonly published: () => Target | undefined;
  readonly member: MemberContext;
  readonly logger: Logger;
  /** Begins each log line: `memcached mem11211`. */
  readonly who: string;
  /** The list is another one than before. */
  onChange(): void;
}

/** Empty before the first {@link Roster.refresh}. */
export function createRoster(context: RosterContext): Roster {
  const { service, member: shared, logger, who } = context;
  let members: readonly Member[] = [];
  let listed: readonly Target[] | undefined;
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;
  let failing = false;

  async function refresh(): Promise<void> {
    const targets = await discover();
    // The same array again is what a fixed list gives each second.
    if (targets === undefined || targets === listed) return;
    listed = targets;
    const { next, gone } = reconcile(members, targets, (target) => createMember(target, service.open(target), shared));
    members = next;
    context.onChange();
    await Promise.all(gone.map((member) => member.close()));
  }

  async function discover(): Promise<readonly Target[] | undefined> {
    const { signal, timeoutMs } = shared;
    const published = context.published();
    const hint = published === undefined ? {} : { published };
    const search = (inner: AbortSignal) => service.discover({ signal: inner, timeoutMs, ...hint });
    try {
      const targets = await withDeadline("the search for servers", timeoutMs, signal, search);
      if (failing) logger.info(`${who}: the servers can be listed again`);
      failing = false;
      return targets;
    } catch (error) {
      if (!signal.aborted) met(error);
      return undefined;
    }
  }

  function met(error: unknown): void {
    if (error instanceof AppError && error.exitCode === 2) throw error;
    if (!failing) logger.warn(`${who}: cannot list the servers (${errorText(error)}); those known are kept`);
    failing = true;
  }

  function join(): Promise<void> {
    running ??= refresh().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function follow(before: Promise<void>): Promise<void> {
    // Its failure goes to whoever asked for it.
    await before.catch(() => {});
    following = undefined;
    if (!shared.signal.aborted) await join();
  }

  return {
    get members() {
      return members;
    },
    get isKnown() {
      return listed !== undefined;
    },
    refresh: join,
    renew() {
      if (running === undefined) return join();
      following ??= follow(running);
      return following;
    },
    async close() {
      // As above.
      await following?.catch(() => {});
      await running?.catch(() => {});
      await Promise.all(members.map((member) => member.close()));
      members = [];
      await service.close();
    },
  };
}

/** Members whose target is still listed are kept with all that is known of them. */
function reconcile(
  members: readonly Member[],
  targets: readonly Target[],
  open: (target: Target) => Member,
): { readonly next: readonly Member[]; readonly gone: readonly Member[] } {
  const known = new Map(members.map((member) => [member.name, member]));
  const next = new Map<string, Member>();
  for (const target of targets) {
    const name = targetName(target);
    if (!next.has(name)) next.set(name, known.get(name) ?? open(target));
  }
  return { next: [...next.values()], gone: members.filter(({ name }) => !next.has(name)) };
}
