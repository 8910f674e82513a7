import { join } from "node:path";
import { createDebts, type Debts } from "../agent/debts.ts";
import { createDesk } from "../agent/desk.ts";
import { createLatches, type Latches } from "../agent/latches.ts";
import { type Notes, openNotes } from "../agent/notes.ts";
import { type AgentServer, startAgentServer } from "../agent/server.ts";
import type { Values } from "../config/resolve.ts";
import { ordersFolder } from "../config/state-dir.ts";
import type { AgentTraffic } from "../core/agent-line.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Latch } from "../core/latch.ts";
import type { Logger } from "../core/logger.ts";
import type { GroupStatus } from "../core/status.ts";
import type { Store } from "../core/store.ts";
import { agentBinds } from "./checkers-agent-options.ts";
import type { GroupSeat } from "./checkers-groups.ts";
import { createObedience, type Obedience } from "./checkers-obedience.ts";
import { type CheckersPlan, groupId, type PlannedGroup } from "./checkers-plan.ts";

/** What a process of checkers does for HAProxy's agent-check, and what it heeds of what people say by hand. */
export interface CheckersAgent {
  /** Starts to answer, where the plan says so. Rejects with E_USAGE and E_CONFIG for a port that cannot be had. */
  listen(plan: CheckersPlan): Promise<void>;
  /** From now on orders are read from this store; without one from the folder of this machine. */
  obey(store: Store | undefined, plan: CheckersPlan): Promise<void>;
  /** With `--manual-recovery`. Throws E_FILE where it cannot be remembered who was down. */
  latchOf(group: PlannedGroup): Latch | undefined;
  /** Adds what people have said by hand. */
  describe(status: GroupStatus): GroupStatus;
  readonly server: AgentServer | undefined;
  /** `--on-stopping` is said from now on, and orders are not read any more. */
  stop(): Promise<void>;
  /** Resolves when nothing is answered any more: after `--stop-delay`. */
  end(): Promise<void>;
}

/** What the agent needs of the world. */
export interface AgentWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly values: Values;
  /** Where is kept what a restart must not forget. */
  readonly stateDir: string;
  readonly seats: () => readonly GroupSeat[];
  /** One tag by its flags has the port to itself. */
  readonly alone: boolean;
}

/** Nothing is answered and nothing is written before it is asked for. */
export function createAgent(world: AgentWorld): CheckersAgent {
  const { clock, logger, values, stateDir } = world;
  const stopped = new AbortController();
  const notes = once(() => openNotes(join(stateDir, "agent")));
  const obedience: Obedience = createObedience({ clock, logger, folder: ordersFolder(stateDir), onChange });
  const latches = once(() => createLatches({ notes: notes(), book: () => obedience.book, logger }));
  const desk = createDesk({
    ...world,
    defaultWords: typeof values["agent-default"] === "string" ? values["agent-default"] : undefined,
    order: (who) => obedience.book?.of(who),
    debts: payingOnce(() => obedience.isKnown, debtsIn(notes, world)),
  });
  const recovered = new Set<string>();
  let server: AgentServer | undefined;
  let latching: Latches | undefined;

  function onChange(): void {
    for (const released of latching?.review() ?? []) logger.info(`${released}: recovered by hand`);
  }

  return {
    async listen(plan) {
      const binds = agentBinds(plan.values);
      if (binds === undefined) return;
      const allow = String(plan.values["allow"] ?? "")
        .split(",")
        .flatMap((word) => word.trim() || []);
      server = await startAgentServer({ binds, allow }, { desk, clock, logger });
      logger.info("the agent port is open", { address: server.addresses.join(", ") });
    },
    async obey(store, plan) {
      if (server !== undefined || plan.groups.some(isLatching)) await obedience.follow(store);
    },
    latchOf(group) {
      if (!isLatching(group)) return undefined;
      latching = latches();
      const { kind } = group.checker;
      const { tag, recover } = group.options;
      if (recover && !recovered.has(groupId(group))) {
        recovered.add(groupId(group));
        for (const name of latching.release(kind, tag)) logger.info(`${kind} ${tag}: ${name} is let go by --recover`);
      }
      const latch = latching.of(kind, tag);
      // What was said while this process was down was read before it was known who is held.
      onChange();
      return latch;
    },
    describe(status) {
      return { ...status, orders: obedience.book?.all(status.kind, status.tag) ?? [] };
    },
    get server() {
      return server;
    },
    async stop() {
      desk.stop();
      await obedience.rest();
    },
    async end() {
      const delayMs = Number(values["stop-delay"] ?? 0);
      if (server !== undefined && delayMs > 0) await clock.sleep(delayMs, stopped.signal);
      await server?.close();
      stopped.abort(new Error("the agent has ended"));
    },
  };
}

function isLatching({ options }: PlannedGroup): boolean {
  return options.manualRecovery;
}

/** What a restart loses where nothing can be written is who is still to hear `ready`: told once, and no reason to stop. */
function debtsIn(notes: () => Notes, { clock, logger }: AgentWorld): Debts {
  let told = false;
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!told) logger.warn(`after a restart it will not be known whom we told to drain: ${errorText(error)}`);
      told = true;
      return undefined;
    }
  };
  return createDebts({
    clock,
    recall: (name) => attempt(() => notes().get(`owed ${name}`)),
    keep: (name, value) => void attempt(() => notes().set(`owed ${name}`, value)),
  });
}

/** Before it is known what people have said, a `ready` could end a maintenance of theirs from before a restart. */
function payingOnce(isKnown: () => boolean, { settle }: Debts): Debts {
  const believed = (traffic: AgentTraffic | undefined) => (traffic === "admitted" && !isKnown() ? undefined : traffic);
  return { settle: (asker, traffic, readyForMs) => settle(asker, believed(traffic), readyForMs) };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
