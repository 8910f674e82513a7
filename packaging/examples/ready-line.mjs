// A checker for a service that says how it is when it is asked: it gets the line "status" and answers with "ready",
// "draining" or anything else. See docs/write-your-own-checker.md.
//
//   checkers ready-line --plugin ./ready-line.mjs --tag app7000 --server 10.0.0.5:7000,10.0.0.6:7000
import { createConnection } from "node:net";

const LONGEST_ANSWER = 200;

export const checker = {
  kind: "ready-line",
  summary: "the first server in the list that answers the line status with ready",
  proxyportOffset: 10_000,
  options: [
    {
      name: "server",
      type: "targets",
      required: true,
      argument: "h:p,h:p",
      description: "the servers in order of preference",
    },
    { name: "question", type: "string", default: "status", description: "the line that is sent" },
  ],
  create(options) {
    return {
      discover: async () => options.server,
      open: (target) => ({
        async check({ signal }) {
          const answer = await ask(target, options.question, signal);
          if (answer === "ready") return { state: "up", reason: "it is ready" };
          if (answer === "draining") return { state: "drain", reason: "it is draining" };
          return { state: "down", reason: `it answers "${answer}"` };
        },
        async close() {},
      }),
      async close() {},
    };
  },
};

/** Resolves to the first line of the answer; rejects when there is none, and at once when the signal aborts. */
function ask({ host, port }, question, signal) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port });
    const end = (settle, value) => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle(value);
    };
    const onAbort = () => end(reject, signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    let received = "";
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(`${question}\n`));
    socket.on("data", (text) => {
      received += text;
      const [line, rest] = received.split(/\r?\n/, 2);
      if (rest !== undefined) end(resolve, line);
      else if (received.length > LONGEST_ANSWER) end(reject, new Error("its answer has no end"));
    });
    socket.on("end", () => end(reject, new Error("it closed the connection without an answer")));
    socket.on("error", (error) => end(reject, error));
  });
}
