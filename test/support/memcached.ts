import { createConnection } from "node:net";
import { launch } from "./launch.ts";
import { loopbackPrefix } from "./loopback.ts";
import { type Server, startServer } from "./server.ts";

/** Where to start a memcached; an address of its own by default. */
export interface MemcachedOptions {
  readonly address?: string;
  readonly port?: number;
  /** More command line arguments, such as `-c 16`. */
  readonly args?: readonly string[];
}

const VERSION_TIMEOUT_MS = 1_000;

/** Starts a real memcached and returns when it answers `version`. */
export async function startMemcached(options: MemcachedOptions = {}): Promise<Server> {
  const address = options.address ?? `${await loopbackPrefix()}.2`;
  const port = options.port ?? 21_211;
  const user = process.geteuid?.() === 0 ? ["-u", "nobody"] : [];
  const args = [...user, "-l", address, "-p", `${port}`, "-U", "0", "-m", "16", "-t", "1", ...(options.args ?? [])];
  return startServer({
    what: `memcached on ${address}:${port}`,
    address,
    port,
    start: () => launch("memcached", args, { endWith: "SIGKILL" }),
    ready: async () => (await ask(address, port, "version\r\n")).startsWith("VERSION"),
  });
}

/** Sends one command in memcached's text protocol and returns the first piece of the answer. */
export function ask(address: string, port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: address, port });
    socket.setTimeout(VERSION_TIMEOUT_MS, () => socket.destroy(new Error("no answer from memcached")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("memcached hung up")));
    socket.once("connect", () => socket.write(command));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString("latin1"));
    });
  });
}
