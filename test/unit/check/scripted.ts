import type { Checker, DiscoverCall, Probe } from "../../../src/core/checker.ts";
import type { AppError } from "../../../src/core/errors.ts";
import { ABSENT, type Pair, type Snapshot, type Store, type WriteCall } from "../../../src/core/store.ts";
import type { Target } from "../../../src/core/targets.ts";
import type { Rank, Verdict, VerdictState } from "../../../src/core/verdict.ts";

/** What a scripted server does when it is asked: a state, or no answer until its deadline. */
export type Behaviour = VerdictState | "hang";

/** One question that was put. */
export interface Question {
  readonly port: number;
  readonly state: VerdictState;
}

/** A kind of service whose servers do what the test says. */
export interface ScriptedChecker extends Checker {
  /** By port; "up" for those not named. */
  readonly behaviour: Map<number, Behaviour>;
  /** By port: answers that are decided at once and arrive only when the promise resolves. */
  readonly held: Map<number, Promise<void>>;
  /** By port: ranks of those that are up. */
  readonly ranks: Map<number, Rank>;
  /** By port: ranks of those that are down and may fill up a list. */
  readonly makeshifts: Map<number, Rank>;
  /** Ports of last resorts; to be set before they are listed. */
  readonly lastResorts: Set<number>;
  /** Pings so far, by port. */
  readonly pings: Map<number, number>;
  /** Tells what a service hears by itself. */
  tellNews(reason: string): void;
  exclusive?: string;
  /** Called for each answered question. */
  onAnswer: (question: Question) => void;
  /** Ends the kept connection of a server. */
  lose(port: number): void;
  /** Replaceable: how the servers are listed. */
  discover: (call: DiscoverCall) => Promise<readonly Target[]>;
  /** Ports of the probes that are open; one that is asked after its end opens anew, as a connection does. */
  readonly opened: Set<number>;
}

/** Servers are `127.0.0.1` with the given ports, in order; change `ports` to change the list. */
export function createScriptedChecker(ports: number[]): ScriptedChecker {
  const behaviour = new Map<number, Behaviour>();
  const listeners = new Map<number, (reason: string) => void>();
  const opened = new Set<number>();
  const held = new Map<number, Promise<void>>();
  const ranks = new Map<number, Rank>();
  const makeshifts = new Map<number, Rank>();
  const lastResorts = new Set<number>();
  const pings = new Map<number, number>();
  let news: (reason: string) => void = () => {};
  let listed = "";
  let targets: readonly Target[] = [];
  const checker: ScriptedChecker = {
    kind: "scripted",
    summary: "for tests",
    proxyportOffset: 10_000,
    options: [],
    behaviour,
    held,
    opened,
    ranks,
    makeshifts,
    lastResorts,
    pings,
    tellNews: (reason) => news(reason),
    onAnswer: () => {},
    lose: (port) => listeners.get(port)?.("connection reset"),
    async discover() {
      if (listed !== ports.join()) {
        listed = ports.join();
        targets = ports.map((port) => ({ host: "127.0.0.1", port, lastResort: lastResorts.has(port) }));
      }
      return targets;
    },
    create: () => ({
      discover: (call) => checker.discover(call),
      open,
      onNews: (listener) => {
        news = listener;
      },
      close: async () => {},
    }),
  };
  return checker;

  function open({ port }: Target): Probe {
    opened.add(port);
    return {
      async check({ signal }): Promise<Verdict> {
        const state = behaviour.get(port) ?? "up";
        if (state === "hang")
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        if (state === "hang") throw new Error("unreachable");
        const hold = held.get(port);
        if (hold !== undefined) await hold;
        opened.add(port);
        checker.onAnswer({ port, state });
        return verdictOf(port, state);
      },
      async ping({ signal }) {
        pings.set(port, (pings.get(port) ?? 0) + 1);
        if (behaviour.get(port) === "hang")
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
      onLost: (listener) => void listeners.set(port, listener),
      async close() {
        opened.delete(port);
        listeners.delete(port);
      },
    };
  }

  function verdictOf(port: number, state: VerdictState): Verdict {
    const reason = `is ${state}`;
    const [rank, makeshift] = [ranks.get(port), makeshifts.get(port)];
    if (state === "up") return rank === undefined ? { state, reason } : { state, reason, rank };
    if (state === "down") return makeshift === undefined ? { state, reason } : { state, reason, makeshift };
    return { state, reason };
  }
}

/** A store in memory that a test can break, and that shows each write. */
export interface MemoryStore extends Store {
  readonly values: Map<string, { value: string; index: number }>;
  /** Every call fails with it while it is set. */
  broken: AppError | undefined;
  /** Only writes fail with it. */
  readOnly: AppError | undefined;
  /** Calls so far. */
  readonly calls: { get: number; put: number; watch: number };
  /** Runs before each put is judged: a place for another checker to come first. */
  beforePut: () => void;
  /** Runs after each put that was let in, before anybody is told of it. */
  afterPut: () => void;
  /** A write by somebody else. */
  set(key: string, value: string | undefined): void;
  /** Ends all watches with the error of `broken`. */
  cut(): void;
  onWrite: (value: string, before: string | undefined) => void;
  onDelete: () => void;
}

export function createMemoryStore(): MemoryStore {
  const values = new Map<string, { value: string; index: number }>();
  const watchers = new Set<() => void>();
  let index = 0;
  const pair = (key: string): Pair | undefined => {
    const found = values.get(key);
    return found === undefined ? undefined : { key, value: found.value, index: `${found.index}` };
  };
  const snapshot = (key: string): Snapshot => {
    const found = pair(key);
    return { prefix: key, pairs: found === undefined ? [] : [found] };
  };
  const wake = () => {
    for (const watcher of [...watchers]) watcher();
  };
  const failIfBroken = () => {
    if (store.broken !== undefined) throw store.broken;
  };
  const store: MemoryStore = {
    name: "memory:",
    values,
    broken: undefined,
    readOnly: undefined,
    calls: { get: 0, put: 0, watch: 0 },
    beforePut: () => {},
    afterPut: () => {},
    onWrite: () => {},
    onDelete: () => {},
    set(key, value) {
      index += 1;
      if (value === undefined) values.delete(key);
      else values.set(key, { value, index });
      wake();
    },
    cut: wake,
    async get(key) {
      store.calls.get += 1;
      failIfBroken();
      return pair(key);
    },
    async list(prefix) {
      failIfBroken();
      return snapshot(prefix);
    },
    async *watch(key, { signal }) {
      store.calls.watch += 1;
      for (;;) {
        signal.throwIfAborted();
        failIfBroken();
        const seen = pair(key)?.value;
        yield snapshot(key);
        while (store.broken === undefined && !signal.aborted && pair(key)?.value === seen)
          await change(watchers, signal);
      }
    },
    async put(key, value, call: WriteCall) {
      store.calls.put += 1;
      failIfBroken();
      if (store.readOnly !== undefined) throw store.readOnly;
      store.beforePut();
      if (call.ifIndex !== undefined && call.ifIndex !== (pair(key)?.index ?? ABSENT)) return false;
      store.onWrite(value, pair(key)?.value);
      store.set(key, value);
      store.afterPut();
      return true;
    },
    async delete(key, call: WriteCall) {
      failIfBroken();
      if (call.ifIndex !== undefined && call.ifIndex !== (pair(key)?.index ?? ABSENT)) return false;
      store.onDelete();
      store.set(key, undefined);
      return true;
    },
    async close() {},
  };
  return store;
}

function change(watchers: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      watchers.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    watchers.add(done);
    signal.addEventListener("abort", done);
  });
}
