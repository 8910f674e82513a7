import type { Clock } from "../core/clock.ts";
import { type Candidate, type Decision, decide, type Published, publishedName } from "../core/decide.ts";
import type { Logger } from "../core/logger.ts";
import { targetName } from "../core/targets.ts";
import { formatMs } from "../lib/duration.ts";
import { isStale, toCandidate } from "./candidate.ts";
import { createDisputes } from "./disputes.ts";
import { composeEntry } from "./entry-value.ts";
import { createJournal } from "./journal.ts";
import type { Member } from "./member.ts";
import type { GroupOptions } from "./options.ts";
import type { Publication } from "./publication.ts";
import { conclude, stays } from "./words.ts";

/** Lets the policy decide whenever something happened that may change the choice, and has it published. */
export interface Chooser {
  /** A verdict came; `news` is set when it changed what counts for the member, `moved` when it changed anything. */
  judged(member: Member, news: string | undefined, moved: boolean): void;
  /** The member may be about to fail: if it is the published one, the others are asked at once. */
  doubted(member: Member): void;
  /** What is published, or whether it can be read, has changed. */
  reconsider(): void;
}

/** What a chooser works with. */
export interface ChooserContext {
  readonly members: () => readonly Member[];
  readonly publication: Publication;
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

/** Decides nothing before the store was read. */
export function createChooser(options: GroupOptions, context: ChooserContext): Chooser {
  const { clock, publication, members } = context;
  const journal = createJournal(context.logger, context.who);
  const disputes = createDisputes();
  let settled = false;
  /** Since when nothing but an answer is missing. */
  let waitingSinceMs: number | undefined;
  /** The published server that may be about to fail, and since when. */
  let doubt: { readonly name: string; readonly sinceMs: number } | undefined;

  function evaluate(news?: string, newsIsAboutPublished = false): void {
    const { published } = publication;
    // A write that is under way ends with a decision of its own.
    if (published === undefined || publication.writing) {
      journal.tell(news, undefined);
      return;
    }
    const nowMs = clock.monotonicMs();
    const candidates = members().map((member) => toCandidate(member, nowMs, options.timeoutMs));
    const contested = isContested(candidates, published, nowMs);
    const patient = waitingSinceMs === undefined || nowMs - waitingSinceMs <= options.timeoutMs;
    const decision = decide(candidates, published, { contested, patient });
    waitingSinceMs = decision.action === "wait" ? (waitingSinceMs ?? nowMs) : undefined;
    settled = decision.action === "keep";
    if (settled) publication.agreed();
    const conclusion = conclude(decision, {
      published,
      servers: candidates.length,
      reasonIsKnown: newsIsAboutPublished,
      readable: publication.readable,
      dryRun: options.dryRun,
    });
    journal.tell(news, conclusion);
    act(decision, published);
  }

  function isContested(candidates: readonly Candidate[], published: Published, nowMs: number): boolean {
    const name = publishedName(published);
    if (name === undefined) return false;
    const isOurs = candidates.some(({ target }) => targetName(target) === name);
    return disputes.isContested(name, isOurs, nowMs);
  }

  function act(decision: Decision, published: Published): void {
    if (decision.action === "wait") askStale();
    if (decision.action !== "publish" || options.dryRun || !publication.readable) return;
    context.background(publish(decision, published));
  }

  function askStale(): void {
    const nowMs = clock.monotonicMs();
    for (const member of members()) {
      if (isStale(member, nowMs, options.timeoutMs)) void member.check();
    }
  }

  async function publish(decision: Decision & { readonly action: "publish" }, before: Published): Promise<void> {
    const { port, offset } = options.proxyport;
    const wanted = {
      tag: options.tag,
      target: decision.target,
      proxyport: context.proxyport(),
      keepProxyport: port === undefined && offset === undefined,
    };
    if (await publication.write(composeEntry(wanted, before))) {
      tellWritten(targetName(decision.target), before);
      context.background(publication.confirm());
    }
    if (!context.signal.aborted) evaluate();
  }

  function tellWritten(name: string, before: Published): void {
    const old = publishedName(before);
    if (old !== undefined) disputes.replaced(old);
    journal.assume(stays(name));
    const after =
      doubt === undefined || doubt.name !== old
        ? ""
        : `, ${formatMs(clock.monotonicMs() - doubt.sinceMs)} after the first doubt`;
    context.logger.info(`${context.who}: ${name} is published${after}`, { target: name });
    doubt = undefined;
  }

  return {
    judged(member, news, moved) {
      if (doubt?.name === member.name && member.verdict?.state === "up") doubt = undefined;
      if (settled && !moved) return;
      if (member.memory.health === "up") disputes.agreed(member.name);
      evaluate(news, member.name === publishedNow(publication));
    },
    doubted(member) {
      if (member.name !== publishedNow(publication)) return;
      if (doubt?.name !== member.name) doubt = { name: member.name, sinceMs: clock.monotonicMs() };
      for (const other of members()) {
        if (other !== member) void other.check();
      }
    },
    reconsider: () => evaluate(),
  };
}

function publishedNow({ published }: Publication): string | undefined {
  return published === undefined ? undefined : publishedName(published);
}
