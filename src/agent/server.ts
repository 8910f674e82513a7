import type { Server, Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { AgentActivity } from "../core/status.ts";
import { loopTurn } from "../lib/loop-turn.ts";
import { type Admission, parseAllow } from "./allow.ts";
import { type AgentBind, EVERYWHERE } from "./binds.ts";
import { openFilesAllowed, watchFiles } from "./files.ts";
import { bindName, listen } from "./listen.ts";
import { type AgentDesk, createVisits } from "./visits.ts";

/** Where to answer, and whom. */
export interface AgentServerOptions {
  readonly binds: readonly AgentBind[];
  /** Addresses and CIDRs; empty: everybody. */
  readonly allow: readonly string[];
}

/** What the server works with. */
export interface AgentServerDeps {
  readonly desk: AgentDesk;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The agent port while it is open. */
export interface AgentServer {
  /** `127.0.0.1:9999`, `unix:/run/agent.sock` */
  readonly addresses: readonly string[];
  counters(): AgentActivity;
  /** Answers who is there, and lets go of everything; safe to call twice. */
  close(): Promise<void>;
}

/** So many connections at a time, and no more than this part of what the process may open: probes need theirs. */
const MOST_OPEN = { connections: 20_000, share: 0.75 };

/** How long the door is held open at the end for those who go on coming, ms. */
const LET_IN_MS = 1_000;

/** A trouble that goes on is told once in so many ms. */
const TELL_AGAIN_MS = 60_000;

/**
 * Answers HAProxy's agent-check until it is closed. Nothing that a client does ends the process, holds more than a
 * bounded piece of memory, or keeps others waiting. Rejects with E_USAGE and E_CONFIG for what cannot be listened on.
 */
export async function startAgentServer(options: AgentServerOptions, deps: AgentServerDeps): Promise<AgentServer> {
  const { desk, clock, logger } = deps;
  const admits = parseAllow(options.allow);
  const visits = createVisits(desk, clock, mostConnections());
  const tell = createTeller(clock, logger);
  const stop = new AbortController();
  let came = 0;
  let refused = 0;

  function onConnection(socket: Socket): void {
    came += 1;
    visits.begin(socket);
  }

  function onStranger(socket: Socket, isAllowed: Admission): void {
    // undefined: it has gone already
    const from = socket.remoteAddress;
    if (from !== undefined && isAllowed(from)) {
      onConnection(socket);
      return;
    }
    socket.on("error", () => {}).destroy();
    if (from === undefined) return;
    refused += 1;
    tell("refused", `the agent does not answer ${from}: it is not in --allow`);
  }

  function onTrouble(error: unknown): void {
    tell("accept", `the agent port cannot take connections: ${errorText(error)}`);
  }

  function doorOf(bind: AgentBind): (socket: Socket) => void {
    // who can open a unix socket may ask
    if (admits === undefined || "path" in bind) return onConnection;
    return (socket) => onStranger(socket, admits);
  }

  const servers: { readonly bind: AgentBind; readonly server: Server }[] = [];
  const closeAll = async () => {
    stop.abort(new Error("the agent port is closed"));
    await quiet(() => came, clock);
    await Promise.all([...servers.map(({ server }) => closed(server)), visits.end()]);
  };
  try {
    for (const bind of options.binds) {
      const server = await listen(bind, doorOf(bind));
      server.on("error", onTrouble);
      servers.push({ bind, server });
    }
  } catch (error) {
    await closeAll();
    throw error;
  }
  void watchFiles(onTrouble, { clock, signal: stop.signal });
  let closing: Promise<void> | undefined;
  return {
    addresses: servers.map(({ bind }) => bindName(bind).replace(EVERYWHERE, "all interfaces")),
    counters: () => ({
      answered: visits.counters.answered,
      dropped: visits.counters.dropped,
      open: visits.counters.open,
      refused,
    }),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** Resolves when nobody comes any more: whom the system has let in, and we have not, would be cut off. */
async function quiet(cameSoFar: () => number, clock: Clock): Promise<void> {
  const endsMs = clock.monotonicMs() + LET_IN_MS;
  for (let before = -1; before !== cameSoFar() && clock.monotonicMs() < endsMs; ) {
    before = cameSoFar();
    await loopTurn();
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function mostConnections(): number {
  return Math.min(MOST_OPEN.connections, Math.floor(openFilesAllowed() * MOST_OPEN.share));
}

/** The first of each sort at once, then one a while, with how many there were. */
function createTeller(clock: Clock, logger: Logger): (sort: string, text: string) => void {
  const told = new Map<string, { atMs: number; more: number }>();
  return (sort, text) => {
    const nowMs = clock.monotonicMs();
    const last = told.get(sort);
    if (last !== undefined && nowMs - last.atMs < TELL_AGAIN_MS) {
      last.more += 1;
      return;
    }
    const more = last === undefined || last.more === 0 ? "" : ` (and ${last.more} times before)`;
    told.set(sort, { atMs: nowMs, more: 0 });
    logger.warn(`${text}${more}`);
  };
}
