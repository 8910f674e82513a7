import { createConnection } from "node:net";
import type { Target } from "../src/core/targets.ts";

/** The longest that a client of the tour waits for an answer. */
export const ANSWER_TIMEOUT_MS = 1_000;

/**
 * Sends `words` on a connection of its own and returns what the group of `answer` holds, as soon as all that was
 * received fits it. Throws when the connection is refused, closed before that, or silent for a second.
 */
export function talk(to: Target, words: string, answer: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: to.host, port: to.port });
    let received = "";
    socket.setEncoding("latin1").setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
    socket.once("connect", () => socket.write(words));
    socket.on("data", (text: string) => {
      received += text;
      const found = answer.exec(received)?.[1];
      if (found === undefined) return;
      resolve(found);
      socket.destroy();
    });
  });
}
