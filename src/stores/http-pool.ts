import type { Socket } from "node:net";
import type { HttpAnswer } from "./http-answer.ts";
import { createHttpConnection, type HttpConnection } from "./http-connection.ts";

/** More idle connections than this to one address are closed: so many writes at once are rare. */
const MAX_IDLE = 32;

/** Connections to one address, kept while they are idle. */
export interface HttpPool {
  /**
   * Exchanges on the connection that was used last, or on a new one. A request that may be `repeatable` is
   * sent again on a new connection when the kept one turns out dead before a byte of its answer arrived.
   * Rejects as `HttpConnection.exchange` does.
   */
  exchange(request: string, repeatable: boolean, signal: AbortSignal): Promise<HttpAnswer>;
  /** Drops every connection, also those in use; nothing is sent any more. */
  close(): void;
}

/** How connections are made; see {@link createHttpConnection}. */
export interface PoolParts {
  open(receive: (piece: Buffer) => void): Socket;
  readonly readyEvent: "connect" | "secureConnect";
  readonly maxBodyBytes: number;
}

/** Opens no connection yet. */
export function createHttpPool(parts: PoolParts): HttpPool {
  const all = new Set<HttpConnection>();
  const idle: HttpConnection[] = [];
  let closed = false;

  const onGone = (connection: HttpConnection): void => {
    all.delete(connection);
    const at = idle.indexOf(connection);
    if (at !== -1) idle.splice(at, 1);
  };

  const run = async (connection: HttpConnection, request: string, signal: AbortSignal): Promise<HttpAnswer> => {
    const answer = await connection.exchange(request, signal);
    if (answer.kept && all.has(connection)) {
      if (idle.length < MAX_IDLE) idle.push(connection);
      else connection.destroy();
    }
    return answer;
  };

  const runNew = (request: string, signal: AbortSignal): Promise<HttpAnswer> => {
    if (closed) throw new Error("the connections are closed");
    const connection = createHttpConnection({ ...parts, onGone });
    all.add(connection);
    return run(connection, request, signal);
  };

  return {
    async exchange(request, repeatable, signal) {
      signal.throwIfAborted();
      const kept = idle.pop();
      if (kept === undefined) return runNew(request, signal);
      try {
        return await run(kept, request, signal);
      } catch (error) {
        if (!repeatable || kept.isAnswering() || signal.aborted || !isDeath(error)) throw error;
        return runNew(request, signal);
      }
    },
    close() {
      closed = true;
      for (const connection of all) connection.destroy();
    },
  };
}

/** The other side had closed before the request was written, or while it was. */
function isDeath(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === "ECONNRESET" || code === "EPIPE";
}
