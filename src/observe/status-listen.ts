import type { Server } from "node:http";
import { isHost } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";

/** Where the status is served. */
export interface StatusOptions {
  /** An address of this machine or a name for one; an IPv6 address with or without its brackets. */
  readonly bind: string;
  /** 0 takes any free one. */
  readonly port: number;
}

/**
 * Starts to listen and resolves with where: `127.0.0.1:9101`, `[::1]:9101`. Rejects with E_USAGE for what cannot be
 * an address, and with E_CONFIG, which names the flag to change, when the machine refuses it.
 */
export async function listen(server: Server, options: StatusOptions): Promise<string> {
  const { port } = options;
  const host = options.bind.replace(/^\[(.*)\]$/, "$1");
  if (!isHost(host)) {
    throw new AppError("E_USAGE", `--status-bind: "${options.bind}" is neither an IP address nor a host name`, {
      hint: "the port is --status-port",
    });
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new AppError("E_USAGE", `--status-port: ${port} is not a port`);
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(refused(error, options)));
    server.listen({ host, port, exclusive: true }, resolve);
  });
  server.removeAllListeners("error");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new AppError("E_INTERNAL", "the status has no TCP address");
  return hostAndPort(bound.address, bound.port);
}

function refused(error: NodeJS.ErrnoException, { bind, port }: StatusOptions): AppError {
  const where = hostAndPort(bind.replace(/^\[(.*)\]$/, "$1"), port);
  switch (error.code) {
    case "EADDRINUSE":
      return new AppError("E_CONFIG", `--status-port: ${where} is in use by another program`, {
        hint: `choose another port; "ss -ltnp sport = :${port}" shows who has this one`,
      });
    case "EACCES":
      return new AppError("E_CONFIG", `--status-port: not allowed to listen on ${where}`, {
        hint: "ports below 1024 need a privilege; choose a higher one",
      });
    case "EADDRNOTAVAIL":
      return new AppError("E_CONFIG", `--status-bind: ${bind} is not an address of this machine`);
    default:
      return new AppError("E_CONFIG", `--status-bind: cannot listen on ${where}`, { cause: error });
  }
}

function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
