import type { Call } from "../core/call.ts";
import type { ServerRef } from "./difference.ts";
import { askProcesses } from "./processes.ts";
import { RuntimeError } from "./runtime-error.ts";
import { type RuntimeSocket, throughMaster } from "./runtime-socket.ts";
import type { Worker } from "./show-proc.ts";
import { readStat } from "./show-stat.ts";

/** A worker that was replaced by a reload and lives as long as its last session. */
export interface OldWorker extends Worker {
  /** Where its sessions go, the most first; undefined when it does not answer: it is about to end, or hangs. */
  readonly sessions: readonly HeldSessions[] | undefined;
}

/** The sessions of one server in one process. */
export interface HeldSessions extends ServerRef {
  readonly count: number;
}

/** How long an old worker may take to answer, ms; one that is about to end does not. */
const WORKER_MS = 2_000;

/**
 * Old workers that still live, oldest first, with the sessions that keep them. Sessions that have no server (a queue, a
 * client that has sent nothing, HAProxy's own commands) are not counted. Throws E_HAPROXY when the master does not
 * answer, as it does not while it reloads.
 */
export async function readOldWorkers(master: RuntimeSocket, call: Call): Promise<readonly OldWorker[]> {
  const { processes, why } = await askProcesses(master, call);
  if (processes === undefined) throw new RuntimeError("unreachable", `the master on ${master.name}: ${why}`);
  const workers: OldWorker[] = [];
  for (const worker of processes.oldWorkers) {
    workers.push({ ...worker, sessions: await readSessions(master, worker.pid, call) });
  }
  return workers;
}

/** As a log line says it: `worker 1233, 43 s old, holds 3 sessions to slave3301/slave3301-mysql`. */
export function describeOldWorker(worker: OldWorker): string {
  const who = `worker ${worker.pid}, ${worker.uptimeSeconds} s old,`;
  if (worker.sessions === undefined) return `${who} does not answer`;
  if (worker.sessions.length === 0) return `${who} holds no session to a server`;
  const named = worker.sessions.slice(0, MOST_NAMED).map(describeSessions);
  const others = worker.sessions.length - named.length;
  return `${who} holds ${named.join(", ")}${others === 0 ? "" : ` and those of ${others} more servers`}`;
}

const MOST_NAMED = 3;

function describeSessions({ backend, server, count }: HeldSessions): string {
  return `${count} ${count === 1 ? "session" : "sessions"} to ${backend}/${server}`;
}

async function readSessions(
  master: RuntimeSocket,
  pid: number,
  call: Call,
): Promise<readonly HeldSessions[] | undefined> {
  const SERVERS_ONLY = 4;
  try {
    const worker = throughMaster(master, `@!${pid}`);
    const rows = await readStat(worker, { type: SERVERS_ONLY }, { signal: call.signal, timeoutMs: WORKER_MS });
    return rows
      .map((cell) => ({ backend: cell("pxname"), server: cell("svname"), count: Number(cell("scur")) }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count);
  } catch (error) {
    call.signal.throwIfAborted();
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}
