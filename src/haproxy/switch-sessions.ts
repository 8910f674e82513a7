import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { ServerRef } from "./difference.ts";
import { readOldWorkers } from "./old-workers.ts";
import { type RuntimeSocket, throughMaster } from "./runtime-socket.ts";
import { cutSessions, cutSessionsInOldWorker } from "./sessions.ts";

/** One HAProxy whose sessions are cut. */
export interface SessionsPlace {
  readonly socket: RuntimeSocket;
  /** Its master's, which reaches the workers that a reload has left behind; undefined: nobody reaches those. */
  readonly master: RuntimeSocket | undefined;
}

/** Cuts all sessions of these servers, in old workers too; resolves to how many there were. Throws E_HAPROXY. */
export async function cutEverywhere(
  { socket, master }: SessionsPlace,
  servers: readonly ServerRef[],
  call: Call & { readonly clock: Clock },
): Promise<number> {
  const live = await cutSessions(socket, servers, call);
  if (master === undefined || servers.length === 0) return live.sessions;
  const old = await Promise.all(
    (await readOldWorkers(master, call)).map(({ pid }) =>
      cutSessionsInOldWorker(throughMaster(master, `@!${pid}`), servers, call),
    ),
  );
  return old.reduce((sum, cut) => sum + cut.sessions, live.sessions);
}
