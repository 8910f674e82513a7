import type { Checker } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import { entryKey } from "../core/entry.ts";
import { exclusiveWords } from "../core/exclusive.ts";
import type { Latch } from "../core/latch.ts";
import type { Logger } from "../core/logger.ts";
import { publishedTargets } from "../core/published.ts";
import type { StandingSource } from "../core/standing.ts";
import type { GroupCounters, GroupStatus } from "../core/status.ts";
import type { Store } from "../core/store.ts";
import { targetName } from "../core/targets.ts";
import { createChooser } from "./chooser.ts";
import { noCounts, readStatus } from "./group-status.ts";
import {
  createLeadership,
  everybodyWrites,
  isHeldUnderLock,
  type Leadership,
  type LeadershipContext,
} from "./leadership.ts";
import type { MemberListener } from "./member.ts";
import { type GroupOptions, groupProxyport } from "./options.ts";
import { createPublication, type Publication } from "./publication.ts";
import { beat } from "./pulse.ts";
import { createRoster, type Roster } from "./roster.ts";
import { createSplit } from "./split.ts";
import { createStandings } from "./standing.ts";
import { createUncertainty } from "./uncertainty.ts";
import { healthNews } from "./words.ts";

/** What a group works with. */
export interface GroupDeps {
  readonly checker: Checker;
  /** Without one nothing is published: servers are probed and what happens to them is told. */
  readonly store?: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Is given, once, the way to read the status of the group while it runs. */
  readonly onStatus?: (read: () => GroupStatus) => void;
  /** Is given, once, where the agent port finds what to answer while the group runs. */
  readonly onStanding?: (source: StandingSource) => void;
  /** Names of the servers that were once listed; kept from one run of a tag to its next. */
  readonly onceListed?: Set<string>;
  /** With `--manual-recovery`: who was down stays down. */
  readonly latch?: Latch;
}

/** The two ways in which work that runs beside the loop reports its end. */
export interface Supervision {
  fail(error: unknown): void;
  background(work: Promise<void>): void;
}

/** A group, ready to run. */
export interface Assembly {
  readonly roster: Roster;
  readonly counters: GroupCounters;
  /** What runs beside the rounds until the signal aborts. */
  readonly loops: readonly (() => Promise<void>)[];
}

/** Puts the parts of a group together; nothing runs yet. Throws E_USAGE for options that cannot work. */
export function assemble(options: GroupOptions, deps: GroupDeps, supervision: Supervision): Assembly {
  const { checker, store, clock, signal, latch } = deps;
  const { timeoutMs, thresholds, tag, values, pulseMs } = options;
  const who = `${checker.kind} ${tag}`;
  const key = entryKey(checker.kind, tag);
  const logger = deps.logger.child({ group: `${checker.kind}/${tag}` });
  const counters = noCounts();
  const exclusive = exclusiveWords(checker, values);
  const uncertainty = createUncertainty(logger, who);
  const split = createSplit({ words: exclusive, logger, who, counters });
  const members = () => roster.members;
  const onChange = () => chooser.reconsider();
  const common = { key, clock, logger, signal, who, onChange };
  const leadership = leadershipOf(options, store, common);
  const writer = () => leadership.writer;
  const service = checker.create(values, { clock, logger, who, signal });
  const publication =
    store === undefined ? NOTHING_PUBLISHED : createPublication({ ...common, store, writer, counters });
  const published = () => (publication.published === undefined ? [] : publishedTargets(publication.published));
  const publishedNow = () => published().map(targetName);
  const proxyport = () => groupProxyport(options, { checker, service, members: members() });
  const { background, fail } = supervision;
  const chooser = createChooser(options, {
    members,
    publication,
    leadership,
    proxyport,
    clock,
    logger,
    signal,
    who,
    background,
  });
  const listener: MemberListener = {
    judged(member, verdict, before) {
      if (options.verbose) logger.debug(`${who}: ${member.name} ${verdict.state}: ${verdict.reason}`);
      counters.probes += 1;
      if (verdict.state !== "up") counters.failedProbes += 1;
      uncertainty.judged(member.name, verdict);
      split.look(members(), publishedNow());
      // Who could not be told of and is up again may be chosen from now on, though his health was never doubted.
      const moved = before.memory !== member.memory || before.state !== verdict.state;
      chooser.judged(member, healthNews(member, verdict, { before: before.memory, thresholds }), moved);
    },
    doubted: (member) => chooser.doubted(member),
    failed: fail,
  };
  const roster = createRoster({
    service,
    published: () => published()[0],
    member: { timeoutMs, thresholds, clock, signal, listener, ...(latch === undefined ? {} : { latch }) },
    logger,
    who,
    onChange() {
      // Refuses a proxyport that is none before anything is asked or written.
      if (roster.members.length > 0) proxyport();
      for (const member of roster.members) void member.check();
      chooser.reconsider();
    },
  });
  service.onNews?.((reason) => {
    logger.debug(`${who}: ${reason}`);
    for (const member of roster.members) member.renew();
    roster.renew().catch(fail);
  });
  const identity = { kind: checker.kind, tag, exclusive: exclusive !== undefined, publishes: store !== undefined };
  deps.onStanding?.(
    createStandings({ roster, published: publishedNow, latch, fail, seen: deps.onceListed ?? new Set() }),
  );
  deps.onStatus?.(() => readStatus({ ...identity, members, publication, leadership, split, counters }));
  const pulse = { pulseMs, clock, signal, members, published: publishedNow, searching: () => chooser.searching };
  return {
    roster,
    counters,
    loops: [() => publication.follow(), () => leadership.run(), ...(pulseMs > 0 ? [() => beat(pulse)] : [])],
  };
}

function leadershipOf(
  options: GroupOptions,
  store: Store | undefined,
  context: Omit<LeadershipContext, "store">,
): Leadership {
  if (store === undefined) return NOBODY_WRITES;
  // Taking the lock would be a write.
  if (options.dryRun) return everybodyWrites(store);
  if (isHeldUnderLock(options, store)) return createLeadership({ ...context, store });
  if (options.publish === "writer") {
    const { logger, who } = context;
    logger.info(
      `${who}: ${store.name} has no lock to hold: of several checkers each may move the writer, by check-and-set`,
    );
  }
  return everybodyWrites(store);
}

const NOBODY_WRITES: Leadership = { writer: undefined, leads: undefined, run: () => Promise.resolve() };

/** Without a store: nothing is ever read, so nothing is ever decided. */
const NOTHING_PUBLISHED: Publication = {
  published: undefined,
  readable: false,
  writing: false,
  follow: () => Promise.resolve(),
  write: () => Promise.resolve(false),
  confirm: () => Promise.resolve(),
  agreed: () => {},
};
