import { runGroup } from "../../../src/check/group.ts";
import type { GroupOptions } from "../../../src/check/options.ts";
import type { GroupStatus } from "../../../src/core/status.ts";
import { type CaptureLogger, createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";
import { groupOptions } from "../../support/group-options.ts";
import { releaseLater } from "../../support/releases.ts";
import { createMemoryStore, createScriptedChecker, type MemoryStore, type ScriptedChecker } from "./scripted.ts";

export const KEY = "haproxy/scripted/t";

export const OPTIONS: GroupOptions = groupOptions({ pulseMs: 0 });

/** A group on a clock that stands still, over a store in memory. */
export interface GroupRun {
  readonly checker: ScriptedChecker;
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly logger: CaptureLogger;
  /** Begins; returns when the first round is over. */
  start(): Promise<void>;
  /** The port that is published, or undefined. */
  published(): number | undefined;
  /** `publish 2` for each write so far, as the port written. */
  readonly writes: number[];
  /** Undefined before the start. */
  status(): GroupStatus | undefined;
  stop(): Promise<void>;
}

export function createGroupRun(ports: number[], options: Partial<GroupOptions> = {}): GroupRun {
  const checker = createScriptedChecker(ports);
  const store = createMemoryStore();
  const clock = createFakeClock();
  const logger = createCaptureLogger();
  const controller = new AbortController();
  const writes: number[] = [];
  store.onWrite = (value) => void writes.push(JSON.parse(value).port);
  let running: Promise<void> = Promise.resolve();
  let readStatus: () => GroupStatus | undefined = () => undefined;
  return {
    checker,
    store,
    clock,
    logger,
    writes,
    async start() {
      const onStatus = (read: () => GroupStatus) => {
        readStatus = read;
      };
      const deps = { checker, store, clock, logger, signal: controller.signal, onStatus };
      running = runGroup(groupOptions({ pulseMs: 0, ...options }), deps);
      running.catch(() => {});
      await clock.advance(100);
    },
    published() {
      const value = store.values.get(KEY)?.value;
      return value === undefined ? undefined : JSON.parse(value).port;
    },
    status: () => readStatus(),
    async stop() {
      controller.abort(new Error("stopped by the test"));
      await running;
    },
  };
}

/** As {@link createGroupRun}; it is stopped with the running test. */
export function group(ports: number[], options: Partial<GroupOptions> = {}): GroupRun {
  const run = createGroupRun(ports, options);
  releaseLater("group", run.stop);
  return run;
}

export function entryOf(port: number, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ name: "t", host: "127.0.0.1", port, proxyport: port + 10_000, ...more });
}
