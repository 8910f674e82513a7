import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { ServerRef } from "./difference.ts";
import { isTrouble, quoteReply, RuntimeError } from "./runtime-error.ts";
import type { RuntimeSocket } from "./runtime-socket.ts";
import { mayUse, parseSessions, type Session } from "./show-sess.ts";
import { parseStat } from "./show-stat.ts";

/** How long cutting may take when the caller does not say, ms. */
const TIMEOUT_MS = 5_000;

const LOOK_EVERY_MS = 10;

/** What came of cutting sessions. */
export interface Cut {
  /** How many there were; none of them reaches its server any more. */
  readonly sessions: number;
  /**
   * How many of them hang: HAProxy has cut them off, and does not tell the client. 3.0.11 does so with those that wait
   * for a server; they end when the client goes, or that process.
   */
  readonly hanging: number;
}

/**
 * Cuts all sessions of these servers on the live worker. A server that is
 * not there has none. HAProxy answers before they are cut, which it does at once afterwards (2.6.12). To be called when
 * the servers have their new address: a session that comes between goes to the old one.
 */
export async function cutSessions(
  socket: RuntimeSocket,
  servers: readonly ServerRef[],
  call: Call & { readonly clock: Clock },
): Promise<Cut> {
  const commands = servers.flatMap(({ backend, server }) => [
    `show stat ${backend} ${SERVERS_ONLY} -1`,
    `shutdown sessions server ${backend}/${server}`,
  ]);
  if (commands.length === 0) return { sessions: 0, hanging: 0 };
  const answers = await socket.askAll(commands, call);
  const stopped: ServerRef[] = [];
  let count = 0;
  for (const [at, about] of servers.entries()) {
    const [stat = "", reply = ""] = answers.slice(2 * at);
    if (reply === PROXY_IS_STOPPED) stopped.push(about);
    else if (reply === "") count += countSessions(stat, about, socket.name);
    else if (!NOT_THERE.has(reply)) {
      const command = commands[2 * at + 1];
      throw new RuntimeError(
        "refused",
        `HAProxy at ${socket.name}: "${command}" was answered with ${quoteReply(reply)}`,
      );
    }
  }
  if (stopped.length === 0) return { sessions: count, hanging: 0 };
  const old = await cutSessionsInOldWorker(socket, stopped, call);
  return { sessions: count + old.sessions, hanging: old.hanging };
}

const SERVERS_ONLY = 4;

function countSessions(stat: string, { server }: ServerRef, name: string): number {
  const row = parseStat(stat, name).find((one) => one("svname") === server);
  return Number(row?.("scur") ?? 0);
}

/** To every command about a server of a proxy that is stopped or stopping, as all of an old worker are (2.4 to 3.5). */
const PROXY_IS_STOPPED = "Proxy is disabled.";

const NOT_THERE: ReadonlySet<string> = new Set(["No such server.", "No such backend."]);

/**
 * Cuts the sessions of these servers in an old worker, which refuses to do it by server: each by its own id, and those
 * too that wait for a server in the same backend, because the worker knows nothing but the old addresses. Looks again
 * until none is left; throws E_HAPROXY when some are after the call's timeout. A worker that has ended has none.
 */
export async function cutSessionsInOldWorker(
  socket: RuntimeSocket,
  servers: readonly ServerRef[],
  call: Call & { readonly clock: Clock },
): Promise<Cut> {
  const { clock, timeoutMs = TIMEOUT_MS } = call;
  const untilMs = clock.monotonicMs() + timeoutMs;
  const cut = new Set<string>();
  for (;;) {
    const found = await sessionsIn(socket, servers, call);
    const left = found.filter(({ id, isCutOff }) => !isCutOff || !cut.has(id));
    if (left.length === 0) return { sessions: cut.size, hanging: found.length };
    if (clock.monotonicMs() >= untilMs) {
      throw new RuntimeError(
        "refused",
        `HAProxy at ${socket.name} still has ${left.length} sessions to replaced servers`,
        {
          // 2.4.0 looks in its first thread only, and answers as if it had found the session.
          hint: "end that process: kill -TERM and its pid",
        },
      );
    }
    await endSessions(socket, left, call);
    for (const { id } of left) cut.add(id);
    await clock.sleep(LOOK_EVERY_MS, call.signal);
  }
}

async function sessionsIn(
  socket: RuntimeSocket,
  servers: readonly ServerRef[],
  call: Call,
): Promise<readonly Session[]> {
  try {
    const sessions = parseSessions(await socket.ask("show sess", call), socket.name);
    const concerned = sessions.filter((session) => mayUse(session, servers));
    // Those that wait first: the end of another would let one of them through.
    const waiting = concerned.filter(({ server }) => server === undefined);
    return [...waiting, ...concerned.filter(({ server }) => server !== undefined)];
  } catch (error) {
    if (isTrouble(error, "gone")) return [];
    throw error;
  }
}

/** A session that has ended meanwhile is answered with `No such session`. */
async function endSessions(socket: RuntimeSocket, sessions: readonly Session[], call: Call): Promise<void> {
  const commands = sessions.map(({ id }) => `shutdown session ${id}`);
  try {
    const answers = await socket.askAll(commands, call);
    const at = answers.findIndex((answer) => answer !== "" && !answer.startsWith("No such session"));
    if (at === -1) return;
    const says = quoteReply(answers[at] ?? "");
    throw new RuntimeError("refused", `HAProxy at ${socket.name}: "${commands[at]}" was answered with ${says}`);
  } catch (error) {
    // It ends with its last session, perhaps before all answers were read: the next look tells.
    if (!isTrouble(error, "gone") && !isTrouble(error, "broken")) throw error;
  }
}
