import type { Clock } from "../core/clock.ts";
import type { Entry } from "../core/entry.ts";
import { isAbort } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type Published, readPublished } from "../core/published.ts";
import type { GroupCounters } from "../core/status.ts";
import { ABSENT, type Index, type Store } from "../core/store.ts";
import { createBackoff } from "../lib/backoff.ts";
import { createConfirmation } from "./confirmation.ts";
import type { Writer } from "./leadership.ts";
import { createMalformedTeller, createTroubles } from "./publication-troubles.ts";

/** What the store holds for one tag, as far as is known here, and the way to change it. */
export interface Publication {
  /** Undefined before the store has answered for the first time. */
  readonly published: Published | undefined;
  /** False while the entry cannot be read: what is known may be old, nothing should be written. */
  readonly readable: boolean;
  /** A write is under way, or rests before it may be tried again. */
  readonly writing: boolean;
  /** Keeps `published` current until the signal aborts. Rejects only for a bug. */
  follow(): Promise<void>;
  /**
   * Writes, or with undefined deletes, if the key is still as it is known here; true when that is done. Whatever
   * comes of it, the caller decides anew then: a lost race is never answered by writing blindly. Rejects only for a bug.
   */
  write(wanted: Entry | undefined): Promise<boolean>;
  /** After a write, in or lost: makes sure that we and the store mean the same, see {@link createConfirmation}. */
  confirm(): Promise<void>;
  /** What is published is the right choice: writes that were lost or failed until now slow the next one no longer. */
  agreed(): void;
}

/** Where an entry lives and who is told about it. */
export interface PublicationContext {
  readonly store: Store;
  readonly key: string;
  /** Undefined: somebody else may write at this moment. */
  readonly writer: () => Writer | undefined;
  /** Counts what happens. */
  readonly counters: Pick<GroupCounters, "writes" | "lostWrites">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Begins each log line: `memcached mem11211`. */
  readonly who: string;
  /** Something is to be decided anew. */
  onChange(): void;
}

/** The longest that one request to the store may take. */
export const STORE_TIMEOUT_MS = 5_000;

/** Endless; short enough that a store that returns is noticed at once by a person's measure. */
const RETRY = { firstMs: 50, maxMs: 2_000 };

interface Known {
  readonly published: Published;
  /** As it is in the store. */
  readonly value: string | undefined;
  /** Undefined after our own write: only the store knows the new one. */
  readonly index: Index | undefined;
}

/** Knows nothing before {@link Publication.follow} runs. */
export function createPublication(context: PublicationContext): Publication {
  const { store, key, signal } = context;
  const { reading, writingTrouble } = createTroubles(context);
  const writeBackoff = createBackoff(RETRY);
  let known: Known | undefined;
  let writing = false;
  /** What the watch told last. */
  let told: Known | undefined;
  const tellMalformed = createMalformedTeller(context);
  let losses = 0;

  function learn(pair: { readonly value: string; readonly index: Index } | undefined): void {
    const published = readPublished(pair?.value);
    known = { published, value: pair?.value, index: pair?.index ?? ABSENT };
    tellMalformed(published);
  }

  /** The watch tells changes in their order, so what it told since the question was put counts more than the answer. */
  async function read(): Promise<void> {
    const before = known;
    const pair = await store.get(key, { signal, timeoutMs: STORE_TIMEOUT_MS });
    if (known === before) learn(pair);
  }

  async function follow(): Promise<void> {
    const backoff = createBackoff(RETRY);
    for (;;) {
      try {
        for await (const snapshot of store.watch(key, { signal, timeoutMs: STORE_TIMEOUT_MS })) {
          backoff.reset();
          reading.over();
          learn(snapshot.pairs.find((pair) => pair.key === key));
          told = known;
          context.onChange();
        }
      } catch (error) {
        if (signal.aborted) return;
        reading.met(error);
        context.onChange();
      }
      if (!(await pause(backoff.next(), context))) return;
    }
  }

  async function attempt(before: Known, wanted: Entry | undefined): Promise<"written" | "lost" | "learned"> {
    const writer = context.writer();
    if (before.index === undefined || writer === undefined) {
      await read();
      return "learned";
    }
    const call = { signal, timeoutMs: STORE_TIMEOUT_MS, ifIndex: before.index };
    const won = await (wanted === undefined ? writer.delete(key, call) : writer.put(key, JSON.stringify(wanted), call));
    writingTrouble.over();
    context.counters[won ? "writes" : "lostWrites"] += 1;
    if (won) return "written";
    await read();
    return "lost";
  }

  function agreed(): void {
    losses = 0;
    writeBackoff.reset();
  }

  async function tryOnce(before: Known, wanted: Entry | undefined): Promise<boolean> {
    try {
      const result = await attempt(before, wanted);
      if (result === "written") {
        agreed();
        // The watch may have told already, with the new index.
        if (known === before) known = knownAfter(wanted);
      }
      // Losing once is another checker's good work; losing on and on must not become a busy loop.
      if (result === "lost" && losses++ > 0) await pause(writeBackoff.next(), context);
      return result === "written";
    } catch (error) {
      if (signal.aborted) return false;
      writingTrouble.met(error);
      await pause(writeBackoff.next(), context);
      return false;
    }
  }

  async function write(wanted: Entry | undefined): Promise<boolean> {
    if (writing || known === undefined) return false;
    writing = true;
    try {
      return await tryOnce(known, wanted);
    } finally {
      writing = false;
    }
  }

  return {
    get published() {
      return known?.published;
    },
    get readable() {
      return known !== undefined && !reading.present;
    },
    get writing() {
      return writing;
    },
    follow,
    write,
    confirm: createConfirmation(context, {
      isTold: () => known?.index !== undefined && known.value === told?.value,
      read,
      onChange: () => context.onChange(),
    }),
    agreed,
  };
}

function knownAfter(wanted: Entry | undefined): Known {
  if (wanted === undefined) return { published: { state: "absent" }, value: undefined, index: ABSENT };
  return { published: { state: "entry", entry: wanted }, value: JSON.stringify(wanted), index: undefined };
}

/** False: stopped meanwhile. */
async function pause(ms: number, { clock, signal }: PublicationContext): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch (error) {
    if (isAbort(error, signal)) return false;
    throw error;
  }
}
