import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { loopbackPrefix } from "./loopback.ts";
import { releaseLater } from "./releases.ts";

/** A server that names itself to whoever connects, and then says back what it hears. */
export interface Echo {
  readonly address: string;
  readonly port: number;
  /** `address:port`, which is what it says first. */
  readonly server: string;
}

const PORT = 20_101;

/** Starts one that ends with the test. */
export async function startEcho(address?: string): Promise<Echo> {
  const host = address ?? `${await loopbackPrefix()}.2`;
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // Whoever is connected may go at any time.
    socket.on("error", () => socket.destroy());
    socket.write(`${host}:${PORT}\n`);
    socket.on("data", (data) => socket.write(data));
  });
  server.listen(PORT, host);
  await once(server, "listening");
  releaseLater("echo", () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { address: host, port: PORT, server: `${host}:${PORT}` };
}

/** A client's connection to an echo server, straight or through HAProxy. */
export interface EchoSession {
  /** What the server named itself. */
  readonly server: string;
  readonly isOpen: boolean;
  /** Resolves when the other side has ended it. */
  readonly ended: Promise<void>;
  /** Says something and resolves to what comes back. */
  say(words: string): Promise<string>;
  close(): void;
}

/** Connects, and resolves when the server has named itself; rejects when the connection ends before. */
export async function openEchoSession(host: string, port: number): Promise<EchoSession> {
  const socket = createConnection({ host, port, noDelay: true });
  let isOpen = true;
  const ended = new Promise<void>((resolve) => {
    socket.on("close", () => {
      isOpen = false;
      resolve();
    });
  });
  socket.on("error", () => socket.destroy());
  releaseLater("echo session", () => void socket.destroy());
  const hear = async () => {
    const data = await Promise.race([once(socket, "data"), ended.then(() => undefined)]);
    if (data === undefined) throw new Error("the connection has ended");
    return String(data[0]).trim();
  };
  const server = await hear();
  return {
    server,
    get isOpen() {
      return isOpen;
    },
    ended,
    say(words) {
      const heard = hear();
      socket.write(`${words}\n`);
      return heard;
    },
    close: () => void socket.destroy(),
  };
}
