import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { releaseLater } from "./releases.ts";

/** What the socket does with commands that match; all else reaches HAProxy and is answered by it. */
export type Mood = {
  readonly to: RegExp;
  /** Says nothing; hangs up at once; hangs up within the answer; or answers this. */
  readonly does: "hang" | "hang up" | "break off" | { readonly answer: string };
};

/** A runtime socket between the program and a real HAProxy's. */
export interface MoodySocket {
  readonly path: string;
  mood: Mood | undefined;
  /** Called with each command before it is passed on. */
  onCommand: (command: string) => Promise<void> | void;
}

/** Listens at `path` for as long as the test lasts. */
export async function startMoodySocket(path: string, real: () => string): Promise<MoodySocket> {
  const open = new Set<Socket>();
  const moody: MoodySocket = { path, mood: undefined, onCommand: () => {} };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
    socket.setEncoding("utf8").once("data", (command: string) => void serve(socket, command));
  });

  async function serve(socket: Socket, command: string): Promise<void> {
    await moody.onCommand(command);
    const { mood } = moody;
    if (mood === undefined || !mood.to.test(command)) return forward(socket, command);
    if (mood.does === "hang") return;
    if (mood.does === "hang up") socket.destroy();
    else if (mood.does === "break off") socket.end("IP changed fr");
    else socket.end(mood.does.answer);
  }

  function forward(socket: Socket, command: string): void {
    const upstream = createConnection(real(), () => upstream.end(command));
    upstream.on("error", () => socket.destroy());
    upstream.pipe(socket);
  }

  server.listen(path);
  await once(server, "listening");
  releaseLater("a moody socket", async () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return moody;
}
