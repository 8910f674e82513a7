import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { releaseLater } from "./releases.ts";
import { tempDir } from "./temp-dir.ts";

/** A runtime socket that answers what a test wants, for what no HAProxy at hand can be made to say. */
export interface ScriptedHaproxy {
  readonly path: string;
  /** The lines of commands that came, in order. */
  readonly lines: readonly string[];
  /** Whether nobody holds a connection any more. Who has said all and then goes is seen only when something is said. */
  isAbandoned(): boolean;
}

/** What comes back for a line: these bytes and the end; or whatever is done with the connection. */
export type Script = (line: string, socket: Socket) => string | undefined;

/** Listens until the test ends. */
export async function startScriptedHaproxy(script: Script): Promise<ScriptedHaproxy> {
  const path = join(tempDir("scripted"), "haproxy.sock");
  const lines: string[] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // Whoever asks may go at any time.
    socket.on("error", () => socket.destroy());
    let received = "";
    socket.on("data", (data) => {
      received += data.toString();
      if (!received.endsWith("\n")) return;
      const line = received.trimEnd();
      lines.push(line);
      const answer = script(line, socket);
      if (answer !== undefined) socket.end(answer);
    });
  });
  server.listen(path);
  await once(server, "listening");
  releaseLater("scripted haproxy", () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return {
    path,
    lines,
    isAbandoned() {
      for (const socket of open) socket.write("?");
      return open.size === 0;
    },
  };
}
