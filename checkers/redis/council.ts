import type { Call } from "../../src/core/call.ts";
import type { ServiceContext } from "../../src/core/checker.ts";
import type { Target } from "../../src/core/targets.ts";
import type { Access } from "./access.ts";
import { plainName } from "./address.ts";
import { type Ruling, rule, type Vote } from "./ruling.ts";
import { createSentinel, type Sentinel } from "./sentinel.ts";
import { createSentinelJournal } from "./sentinel-journal.ts";

/** All Sentinels of one master, as one voice. */
export interface Council {
  /** Counts the failovers that were heard of: what was found out before the last one may no longer be true. */
  readonly news: number;
  /**
   * What the Sentinels say now, as soon as a majority says the same, else when all have answered or had the time
   * to. Rejects only with the signal's reason.
   */
  ask(call: Call): Promise<Ruling>;
  /** Every server that a Sentinel has told of in its last answer, in a fixed order, perhaps several times. */
  servers(): readonly Target[];
  /** Registers the one listener for a failover. */
  onNews(listener: (reason: string) => void): void;
  /** Safe to call twice. */
  close(): void;
}

/** Whom to ask, and about which master. */
export interface CouncilOptions {
  readonly sentinels: readonly Target[];
  readonly masterName: string;
  readonly access: Access;
}

/** Of the time for a check: the rest is for saying in time that the Sentinels had no answer. */
const SHARE = 0.5;

const DEFAULT_TIMEOUT_MS = 500;

/** Connects with the first question. */
export function createCouncil(options: CouncilOptions, context: ServiceContext): Council {
  const { clock, logger, who } = context;
  const { masterName, access } = options;
  const journal = createSentinelJournal(logger, { who, masterName, sentinels: options.sentinels.length });
  let tell: (reason: string) => void = () => {};
  let news = 0;
  /** Those who wait for answers to what was asked before the last news. */
  const waiting = new Set<() => void>();
  const onSwitch = (reason: string) => {
    news += 1;
    for (const giveUp of [...waiting]) giveUp();
    tell(reason);
  };
  const sentinels = options.sentinels.map((target) =>
    createSentinel(target, { masterName, access, clock, journal, onSwitch }),
  );

  return {
    get news() {
      return news;
    },
    async ask({ signal, timeoutMs = DEFAULT_TIMEOUT_MS }) {
      signal.throwIfAborted();
      const votes = collect(sentinels, news, timeoutMs * SHARE);
      const onAbort = () => votes.giveUp();
      signal.addEventListener("abort", onAbort, { once: true });
      waiting.add(votes.giveUp);
      const ruling = await votes.ruling;
      waiting.delete(votes.giveUp);
      signal.removeEventListener("abort", onAbort);
      signal.throwIfAborted();
      return ruling;
    },
    servers: () => inOrder(sentinels.flatMap((sentinel) => sentinel.report?.servers ?? [])),
    onNews(listener) {
      tell = listener;
    },
    close() {
      for (const sentinel of sentinels) sentinel.close();
    },
  };
}

/** A question to all Sentinels that is under way. */
interface Collection {
  readonly ruling: Promise<Ruling>;
  /** Concludes from what has come so far. */
  giveUp(): void;
}

function collect(sentinels: readonly Sentinel[], news: number, timeoutMs: number): Collection {
  const votes: Vote[] = [];
  // Those that hang are asked as well: their answer counts when it comes, and from then on they are waited for.
  let awaited = sentinels.filter((sentinel) => !sentinel.hangs).length;
  let resolve: (ruling: Ruling) => void = () => {};
  const ruling = new Promise<Ruling>((resolveRuling) => {
    resolve = resolveRuling;
  });
  const giveUp = () => resolve(rule(votes, sentinels.length));
  for (const sentinel of sentinels) {
    const counts = sentinel.hangs ? 0 : 1;
    void sentinel.look(news, timeoutMs).then((vote) => {
      if (vote !== undefined) votes.push(vote);
      awaited -= counts;
      if (awaited === 0 || rule(votes, sentinels.length).agreed) giveUp();
    });
  }
  if (awaited === 0) giveUp();
  return { ruling, giveUp };
}

/** By name; which Sentinel answers first makes no difference. */
function inOrder(targets: readonly Target[]): readonly Target[] {
  const named = targets.map((target) => ({ name: plainName(target), target }));
  return named.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ target }) => target);
}
