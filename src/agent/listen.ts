import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { AppError } from "../core/errors.ts";
import { type AgentBind, EVERYWHERE } from "./binds.ts";

/** A whole fleet of balancers may ask in the same moment. */
const BACKLOG = 4_096;

/** HAProxy runs as a user of its own and has to be able to connect; what is answered is no secret. */
const SOCKET_MODE = 0o666;

/** Any IPv6 address, and the IPv4 ones in it. */
const ANY = { six: "::", four: "0.0.0.0" } as const;

/**
 * Listens and resolves with the server. Half-open connections are allowed: who has asked may close his side. Nothing is
 * read before a socket is resumed. Rejects with E_CONFIG that names the flag when the machine refuses it.
 */
export async function listen(bind: AgentBind, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);
  try {
    await start(server, bind);
    if ("path" in bind) chmodSync(bind.path, SOCKET_MODE);
    return server;
  } catch (error) {
    server.close();
    throw refused(error, bind);
  }
}

/** `127.0.0.1:9999`, `[::1]:9999`, `unix:/run/agent.sock` */
export function bindName(bind: AgentBind): string {
  if ("path" in bind) return `unix:${bind.path}`;
  return bind.host.includes(":") ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`;
}

async function start(server: Server, bind: AgentBind): Promise<void> {
  try {
    await attempt(server, "path" in bind || bind.host !== EVERYWHERE ? bind : { ...bind, host: ANY.six });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const again = await secondTry(bind, code);
    if (again === undefined) throw error;
    await attempt(server, again);
  }
}

/** What may be in the way and can be helped: a socket that a killed process left, a machine without IPv6. */
async function secondTry(bind: AgentBind, code: string | undefined): Promise<AgentBind | undefined> {
  if ("path" in bind) {
    if (code !== "EADDRINUSE") return undefined;
    // a plain file refuses a connection just as an abandoned socket does
    if (!lstatSync(bind.path).isSocket()) throw noSocket(bind.path);
    if (await isAlive(bind.path)) return undefined;
    unlinkSync(bind.path);
    return bind;
  }
  const noIpv6 = code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";
  return bind.host === EVERYWHERE && noIpv6 ? { ...bind, host: ANY.four } : undefined;
}

function attempt(server: Server, bind: AgentBind): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...bind, exclusive: true, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    // a socket that nobody listens on refuses; anything else is not ours to remove
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}

function noSocket(path: string): AppError {
  return new AppError("E_CONFIG", `--agent-bind: ${path} is there already, and is no socket`, {
    hint: "choose another path, or remove it if nobody needs it",
  });
}

function refused(error: unknown, bind: AgentBind): AppError {
  if (error instanceof AppError) return error;
  const where = bindName(bind);
  const flag = "path" in bind ? "--agent-bind" : "--agent-port";
  switch ((error as NodeJS.ErrnoException).code) {
    case "EADDRINUSE":
      return new AppError("E_CONFIG", `${flag}: ${where} is in use by another program`, {
        hint: "path" in bind ? "choose another path" : `"ss -ltnp sport = :${bind.port}" shows who has this port`,
      });
    case "EACCES":
      return new AppError("E_CONFIG", `${flag}: not allowed to listen on ${where}`, {
        hint: "path" in bind ? "choose a folder that is there and can be written" : "ports below 1024 need a privilege",
      });
    case "EADDRNOTAVAIL":
      return new AppError("E_CONFIG", `--agent-bind: ${where} is not an address of this machine`);
    default:
      return new AppError("E_CONFIG", `${flag}: cannot listen on ${where}`, { cause: error });
  }
}
