import { createConnection } from "node:net";
import type { Call } from "../../src/core/call.ts";
import type { Asked } from "../../src/haproxy/asked.ts";

/** A runtime socket or a master's, past the code under test: one connection for each command. */
export function askedAt(path: string): Asked {
  return { name: path, ask: (command, call) => ask(path, command, call) };
}

function ask(path: string, command: string, call: Call): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(path);
    let answer = "";
    const fail = (error: unknown) => {
      connection.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no answer to "${command}"`)), call.timeoutMs ?? 5_000);
    const onAbort = () => fail(call.signal.reason);
    call.signal.addEventListener("abort", onAbort, { once: true });
    connection.setEncoding("utf8");
    connection.on("data", (chunk: string) => {
      answer += chunk;
    });
    connection.once("error", fail);
    connection.once("connect", () => connection.end(`${command}\n`));
    connection.once("end", () => resolve(answer));
    connection.once("close", () => {
      clearTimeout(timer);
      call.signal.removeEventListener("abort", onAbort);
    });
  });
}
