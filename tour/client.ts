import { createConnection } from "node:net";
import type { Target } from "../src/core/targets.ts";

const ANSWER_TIMEOUT_MS = 1_000;

/**
 * One request of a memcached client, on a connection of its own: the value of the key `who`. Throws when the
 * connection is refused, closed without an answer, or silent for a second.
 */
export function askWho(server: Target): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: server.host, port: server.port });
    let answer = "";
    socket.setEncoding("latin1").setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
    socket.once("connect", () => socket.write("get who\r\n"));
    socket.on("data", (text: string) => {
      answer += text;
      if (!answer.endsWith("END\r\n")) return;
      resolve(answer.split("\r\n")[1] ?? "");
      socket.destroy();
    });
  });
}

/** A client that asks again and again, and keeps count. */
export interface Client {
  /** Asks once more, without waiting for earlier requests. */
  ask(): void;
  /** How many of the requests that were open at `forget` or made since have no answer, up to the last one that has. */
  unanswered(): number;
  /** Counts from here. */
  forget(): void;
  /** How many requests in a row the same server has answered. */
  streak(): number;
}

/** `tell` hears who answers whenever that changes; "" when nobody does. */
export function createClient(server: Target, tell: (who: string) => void): Client {
  const open = new Set<number>();
  const failed = new Set<number>();
  let asked = 0;
  let newest = 0;
  let streak = 0;
  let last: string | undefined;
  const hear = (request: number, who: string) => {
    if (request < newest) return;
    newest = request;
    streak = who === last ? streak + 1 : 1;
    if (who !== last) tell(who);
    last = who;
  };
  return {
    ask() {
      const request = ++asked;
      open.add(request);
      askWho(server)
        .then((who) => hear(request, who))
        .catch(() => {
          failed.add(request);
          hear(request, "");
        })
        .finally(() => open.delete(request));
    },
    unanswered: () => [...open, ...failed].filter((request) => request < newest).length,
    forget: () => failed.clear(),
    streak: () => streak,
  };
}
