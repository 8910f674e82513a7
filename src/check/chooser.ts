import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Decision } from "../core/policy.ts";
import { type Published, publishedNames } from "../core/published.ts";
import { isStale, toCandidate } from "./candidate.ts";
import { createDoubt } from "./doubt.ts";
import { composeEntry } from "./entry-value.ts";
import { createFirstLook } from "./first-look.ts";
import { createJournal } from "./journal.ts";
import { createJudge } from "./judge.ts";
import type { Leadership } from "./leadership.ts";
import type { Member } from "./member.ts";
import type { GroupOptions } from "./options.ts";
import type { Publication } from "./publication.ts";
import { conclude, type DecisionView, listOf, nothingIsPublished, stays } from "./words.ts";

/** Lets the policy decide whenever something happened that may change the choice, and has it published. */
export interface Chooser {
  /** A verdict came; `news` is set when it changed what counts for the member, `moved` when it changed anything. */
  judged(member: Member, news: string | undefined, moved: boolean): void;
  /** The member may be about to fail: if it is the published one, the others are asked at once. */
  doubted(member: Member): void;
  /** What is published, or whether it can be read or written, has changed. */
  reconsider(): void;
  /** Nobody can be published: servers that come back are to be found soon. */
  readonly searching: boolean;
}

/** What a chooser works with. */
export interface ChooserContext {
  readonly members: () => readonly Member[];
  readonly publication: Publication;
  readonly leadership: Leadership;
  /** For an entry that has none yet; asked for only when there is a member. */
  readonly proxyport: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Begins each log line: `memcached mem11211`. */
  readonly who: string;
  /** Takes over work that runs beside the caller. */
  background(work: Promise<void>): void;
}

type Change = Decision & { readonly action: "publish" | "remove" };

/** Decides nothing before the store was read. */
export function createChooser(options: GroupOptions, context: ChooserContext): Chooser {
  const { clock, publication, members } = context;
  const journal = createJournal(context.logger, context.who);
  const judge = createJudge(options);
  const doubt = createDoubt(clock);
  const firstLook = createFirstLook(members);
  let settled = false;
  let searching = false;

  function evaluate(news?: string, newsIsAboutPublished = false): void {
    const { published } = publication;
    // A write that is under way ends with a decision of its own.
    if (published === undefined || publication.writing) {
      journal.tell(news, undefined);
      return;
    }
    firstLook(published);
    const nowMs = clock.monotonicMs();
    const candidates = members().map((member) => toCandidate(member, nowMs, options));
    const decision = judge.decide(candidates, published, nowMs);
    settled = decision.action === "keep";
    searching = decision.action === "remove" || (decision.action === "leave" && decision.because === "none-up");
    if (settled) publication.agreed();
    const view: DecisionView = {
      published,
      servers: candidates.length,
      reasonIsKnown: newsIsAboutPublished,
      obstacle: obstacle(),
    };
    journal.tell(news, conclude(decision, view));
    act(decision, published);
  }

  function obstacle(): DecisionView["obstacle"] {
    if (options.dryRun) return "dry-run";
    if (!publication.readable) return "store";
    return context.leadership.writer === undefined ? "follower" : undefined;
  }

  function act(decision: Decision, published: Published): void {
    if (decision.action === "wait") askStale();
    if (decision.action !== "publish" && decision.action !== "remove") return;
    if (obstacle() === undefined) context.background(carryOut(decision, published));
  }

  function askStale(): void {
    const nowMs = clock.monotonicMs();
    for (const member of members()) {
      if (isStale(member, nowMs, options.timeoutMs)) void member.check();
    }
  }

  async function carryOut(decision: Change, before: Published): Promise<void> {
    const entry = decision.action === "remove" ? undefined : composeEntry(options, decision, before, context.proxyport);
    if (await publication.write(entry)) tellWritten(decision, before);
    context.background(publication.confirm());
    if (!context.signal.aborted) evaluate();
  }

  function tellWritten(decision: Change, before: Published): void {
    const [old] = publishedNames(before);
    judge.replaced(before);
    const after = doubt.settle(old);
    if (decision.action === "remove") {
      journal.assume(nothingIsPublished(members().length));
      context.logger.info(`${context.who}: the entry is removed${after}`);
      return;
    }
    const names = listOf(decision.target, decision.servers);
    judge.chosen(names);
    journal.assume(stays(names));
    const are = names.length > 1 ? "are" : "is";
    context.logger.info(`${context.who}: ${names.join(", ")} ${are} published${after}`, { target: names[0] });
  }

  return {
    judged(member, news, moved) {
      if (member.verdict?.state === "up") doubt.dispel(member.name);
      if (settled && !moved) return;
      evaluate(news, news !== undefined && publishedNow(publication).includes(member.name));
    },
    doubted(member) {
      if (!publishedNow(publication).includes(member.name)) return;
      doubt.raise(member.name);
      for (const other of members()) {
        if (other !== member) void other.check();
      }
    },
    reconsider: () => evaluate(),
    get searching() {
      return searching;
    },
  };
}

function publishedNow({ published }: Publication): readonly string[] {
  return published === undefined ? [] : publishedNames(published);
}
