import { type EchoSession, openEchoSession } from "./echo.ts";
import { LAB_PORT, type PeersLab } from "./peers-lab.ts";
import { releaseLater } from "./releases.ts";

/** Clients that never rest: each speaks, and comes again as soon as it is cut off. */
export interface LabClients {
  /** Errors of each client so far. */
  readonly errors: readonly number[];
  /** Conversations that came to their end so far. */
  readonly done: number;
  /** Servers that were reached since the last call. */
  reached(): ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Starts some for each HAProxy: the first of each holds one connection, the others come anew each time. */
export function startClients({ haproxies }: PeersLab, perHaproxy: number): LabClients {
  const fronts = haproxies.flatMap(({ front }) => Array.from({ length: perHaproxy }, (_, at) => ({ front, at })));
  const errors = fronts.map(() => 0);
  let isOver = false;
  let done = 0;
  let seen = new Set<string>();

  async function talk(session: EchoSession, stays: boolean): Promise<void> {
    seen.add(session.server);
    for (let words = 0; !isOver && (stays || words < 3); words++) {
      await session.say("one transaction");
      if (stays) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    done++;
  }

  async function run(client: number, { front, at }: { readonly front: string; readonly at: number }): Promise<void> {
    while (!isOver) {
      let session: EchoSession | undefined;
      try {
        session = await openEchoSession(front, LAB_PORT);
        await talk(session, at === 0);
      } catch {
        if (!isOver) errors[client] = (errors[client] ?? 0) + 1;
      } finally {
        session?.close();
      }
    }
  }

  const running = Promise.all(fronts.map((where, client) => run(client, where)));
  const stop = async () => {
    isOver = true;
    await running;
  };
  releaseLater("clients", stop);
  return {
    errors,
    get done() {
      return done;
    },
    reached() {
      const before = seen;
      seen = new Set();
      return before;
    },
    stop,
  };
}
