import { setMaxListeners } from "node:events";
import { environment } from "../config/env.ts";
import { defaultStateDir } from "../config/state-dir.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { VERSION } from "../core/version.ts";
import { keepHeapSmall } from "../lib/small-heap.ts";
import { createWake } from "../lib/wake.ts";
import type { StatusDeps } from "../observe/status-server.ts";
import { createAgent } from "./checkers-agent.ts";
import { validateAsking } from "./checkers-agent-options.ts";
import { surviveFaults } from "./checkers-faults.ts";
import { followFiles } from "./checkers-follow.ts";
import type { GroupChanges } from "./checkers-groups.ts";
import type { CheckersPlan, ReadPlan } from "./checkers-plan.ts";
import { type CheckersSession, createSession } from "./checkers-session.ts";

/** The world as checkers meet it. */
export interface CheckersWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts on the first SIGTERM. */
  readonly stop: AbortSignal;
  /** Registers what SIGHUP does. */
  readonly onHangup: (listener: () => void) => void;
}

/** How checkers are run. */
export interface CheckersOptions {
  readonly plan: CheckersPlan;
  /** Reads the plan again: SIGHUP, or a followed file has changed. */
  readonly read: ReadPlan;
  /** One tag only: an error that is no server's and no store's ends the process, whose supervisor starts it again. */
  readonly alone: boolean;
}

type Reading = Parameters<ReadPlan>[0];

/** Checks and publishes until told to stop. Rejects with AppError for options that cannot work, and for a bug. */
export async function runCheckers(options: CheckersOptions, world: CheckersWorld): Promise<void> {
  keepHeapSmall();
  const stop = new AbortController();
  // A listener per tag: many by design, none left behind.
  setMaxListeners(0, world.stop, stop.signal);
  const onStop = () => stop.abort(world.stop.reason);
  world.stop.addEventListener("abort", onStop, { once: true });
  if (world.stop.aborted) onStop();
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => {
    failures.push(error);
    stop.abort(error);
  };
  const stopSurviving = options.alone ? () => {} : surviveFaults(world.logger);
  const { plan, alone } = options;
  const seats = () => session.seats();
  const agent = createAgent({ ...world, values: plan.values, stateDir: stateDirOf(plan), seats, alone });
  const { latchOf, obey: onStore } = agent;
  const session = createSession({ ...world, latchOf, onStore, ...(alone ? { onFailure } : {}) });
  const describe = () => session.statuses().map(agent.describe);
  try {
    validateAsking(plan);
    const activity = () => agent.server?.counters();
    await startStatus(plan, { groups: describe, agent: activity }, { ...world, stop: stop.signal });
    await agent.listen(plan);
    await session.begin(plan);
    await rereadWhenDue(options, session, { ...world, stop: stop.signal });
  } finally {
    world.stop.removeEventListener("abort", onStop);
    await agent.stop();
    await session.end();
    await agent.end();
    stopSurviving();
  }
  if (failures.length > 0) throw failures[0];
}

/** Before anything else starts: a port that is taken is a mistake to be told at once. */
async function startStatus(
  { values }: CheckersPlan,
  what: Pick<StatusDeps, "groups" | "agent">,
  world: CheckersWorld,
): Promise<void> {
  const { "status-port": port, "status-bind": bind } = values;
  if (typeof port !== "number") return;
  const { startStatusServer } = await import("../observe/status-server.ts");
  const { clock, logger, stop: signal } = world;
  await startStatusServer({ port, bind: String(bind) }, { ...what, clock, logger, version: VERSION, signal });
}

/** Resolves when the signal aborts. */
async function rereadWhenDue(
  { plan, read }: CheckersOptions,
  session: CheckersSession,
  { clock, logger, stop, onHangup }: CheckersWorld,
): Promise<void> {
  const wake = createWake();
  let due: Reading | undefined;
  const ring = (what: Reading) => {
    due = due === "everything" ? due : what;
    wake.ring();
  };
  onHangup(() => ring("everything"));
  const files = followFiles({ clock, signal: stop, onChange: () => ring("followed") });
  files.follow(plan.followed);
  while (!stop.aborted) {
    await wake.wait(undefined, stop);
    const what = due;
    due = undefined;
    if (what === undefined || stop.aborted) continue;
    try {
      const next = await read(what);
      validateAsking(next);
      tellChanges(await session.change(next), what, logger);
      files.follow(next.followed);
    } catch (error) {
      const hint = "the old configuration stays in force";
      const more = error instanceof AppError && error.hint !== undefined ? ` (${error.hint})` : "";
      logger.error(`the configuration that was read again is not used: ${errorText(error)}${more}`, { hint });
    }
  }
  await files.ended;
}

function tellChanges({ started, stopped, changed }: GroupChanges, what: Reading, logger: Logger): void {
  const parts = [
    ...(started.length > 0 ? [`new: ${list(started)}`] : []),
    ...(changed.length > 0 ? [`changed: ${list(changed)}`] : []),
    ...(stopped.length > 0 ? [`not checked any more: ${list(stopped)}`] : []),
  ];
  if (parts.length > 0) logger.info(`the configuration was read again; ${parts.join("; ")}`);
  else if (what === "everything") logger.info("the configuration was read again; no tag has changed");
}

/** A thousand names help nobody. */
const MOST_NAMED = 10;

function list(ids: readonly string[]): string {
  const named = ids.slice(0, MOST_NAMED).map((id) => id.replace("/", " "));
  const more = ids.length - named.length;
  return `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Told by the user, else the system's place for such things. */
function stateDirOf({ values }: CheckersPlan): string {
  const { "state-dir": dir } = values;
  return typeof dir === "string" ? dir : defaultStateDir(environment());
}
