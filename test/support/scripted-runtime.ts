import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { releaseLater } from "./releases.ts";
import { tempDir } from "./temp-dir.ts";

/** What a command is answered with: these pieces, one packet each, and the end; "hang": nothing, ever. */
export type ScriptedReply = string | readonly string[] | "hang";

/** A runtime socket of an HAProxy that is not at hand: an older or newer one, or one in a state that cannot be made. */
export interface ScriptedRuntime {
  readonly path: string;
  /** The commands, in the order in which they came. */
  readonly commands: readonly string[];
}

/** Answers each command, one for each connection, with what `reply` says; ends with the test. */
export async function startScriptedRuntime(reply: (command: string) => ScriptedReply): Promise<ScriptedRuntime> {
  const path = join(tempDir("scripted"), "runtime.sock");
  const commands: string[] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // Whoever asks may go at any time.
    socket.on("error", () => socket.destroy());
    let received = "";
    socket.on("data", (data) => {
      received += data.toString("latin1");
      if (!received.includes("\n")) return;
      const command = received.slice(0, received.indexOf("\n"));
      commands.push(command);
      void send(socket, reply(command));
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  releaseLater("scripted runtime socket", () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { path, commands };
}

async function send(socket: Socket, reply: ScriptedReply): Promise<void> {
  if (reply === "hang") return;
  for (const piece of typeof reply === "string" ? [reply] : reply) {
    // A turn of the event loop between two pieces: each is a packet of its own.
    await new Promise((resolve) => socket.write(piece, () => setImmediate(resolve)));
  }
  socket.end();
}
