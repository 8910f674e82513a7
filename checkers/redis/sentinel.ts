import type { Clock } from "../../src/core/clock.ts";
import { AppError, errorText } from "../../src/core/errors.ts";
import type { Target } from "../../src/core/targets.ts";
import { withDeadline } from "../../src/lib/deadline.ts";
import type { Access } from "./access.ts";
import { createConversation } from "./conversation.ts";
import type { Vote } from "./ruling.ts";
import type { SentinelJournal } from "./sentinel-journal.ts";
import { readReport, type SentinelReport, sentinelQuestion } from "./sentinel-report.ts";
import { createSubscription, type Subscription } from "./subscription.ts";

/** One Sentinel: asked again and again, and listened to. */
export interface Sentinel {
  /** What it said last, also when it has fallen silent since. */
  readonly report: SentinelReport | undefined;
  /** It let a deadline pass: it is asked on, but not waited for until it answers again. */
  readonly hangs: boolean;
  /**
   * Its vote, asked for after `news` was counted; undefined when it does not answer within `timeoutMs`. Whoever
   * asks at the same time is answered by one question. Never rejects.
   */
  look(news: number, timeoutMs: number): Promise<Vote | undefined>;
  /** Safe to call twice. */
  close(): void;
}

/** What all Sentinels of a tag share. */
export interface SentinelContext {
  readonly masterName: string;
  readonly access: Access;
  readonly clock: Clock;
  readonly journal: SentinelJournal;
  /** It has just made another server the master. */
  onSwitch(reason: string): void;
}

/** Published by each Sentinel when, for it, another server has become the master: name, old host and port, new ones. */
const SWITCH = "+switch-master";

/** Connects with the first look. */
export function createSentinel(target: Target, context: SentinelContext): Sentinel {
  const { journal } = context;
  const stop = new AbortController();
  const question = sentinelQuestion(context.masterName);
  // Its end changes nothing by itself, and the next look is told of it.
  const conversation = createConversation(target, context.access, () => {});
  const subscription = listen(target, context, stop.signal);
  let report: SentinelReport | undefined;
  let hangs = false;
  let running: { readonly news: number; readonly vote: Promise<Vote | undefined> } | undefined;

  async function lookOnce(timeoutMs: number): Promise<Vote | undefined> {
    const result = await ask(timeoutMs);
    if (stop.signal.aborted) return undefined;
    if (typeof result === "string") {
      journal.silent(target, result);
      return undefined;
    }
    report = result;
    journal.answered(target, result);
    void subscription.keep();
    return result.vote;
  }

  async function ask(timeoutMs: number): Promise<SentinelReport | string> {
    try {
      const work = (inner: AbortSignal) => conversation.ask(question, inner);
      const answer = await withDeadline("the Sentinel", timeoutMs, stop.signal, work);
      hangs = false;
      return readReport(answer);
    } catch (error) {
      hangs = error instanceof AppError && error.code === "E_TIMEOUT";
      return hangs ? `no answer within ${timeoutMs} ms` : errorText(error);
    }
  }

  return {
    get report() {
      return report;
    },
    get hangs() {
      return hangs;
    },
    look(news, timeoutMs) {
      if (running?.news === news) return running.vote;
      const before = running?.vote ?? Promise.resolve();
      const vote = before
        .then(() => lookOnce(timeoutMs))
        .finally(() => {
          if (running?.vote === vote) running = undefined;
        });
      running = { news, vote };
      return vote;
    },
    close() {
      stop.abort(new Error("closed"));
      subscription.close();
      conversation.close();
    },
  };
}

function listen(target: Target, context: SentinelContext, signal: AbortSignal): Subscription {
  const { access, clock, journal, masterName, onSwitch } = context;
  return createSubscription({
    target,
    access,
    channel: SWITCH,
    clock,
    signal,
    onMessage(payload) {
      const [name, , , host, port] = payload.split(" ");
      if (name !== masterName) return;
      const master = `${host}:${port}`;
      journal.switched(target, master);
      onSwitch(`Sentinel has made ${master} the master`);
    },
    onRefused: (reason) => journal.deaf(target, reason),
  });
}
