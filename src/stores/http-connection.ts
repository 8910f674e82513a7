import type { Socket } from "node:net";
import { createAnswerParser, type HttpAnswer } from "./http-answer.ts";

/** Idle time before the kernel asks the other side whether it still lives, ms. */
const TCP_KEEPALIVE_MS = 15_000;

/** One connection; one exchange at a time. */
export interface HttpConnection {
  /**
   * Writes the request and reads its answer. Rejects with Node's own errors, ECONNRESET when the other side
   * closes before the answer is whole, the parser's errors, or the signal's reason; except for a kept answer,
   * the connection is destroyed before this settles.
   */
  exchange(request: string, signal: AbortSignal): Promise<HttpAnswer>;
  /** Whether some byte of the answer that is asked for, or was asked for last, arrived. */
  isAnswering(): boolean;
  /** Ends an exchange that is under way with an error. Safe to call twice. */
  destroy(): void;
}

/** How connections are made. */
export interface ConnectionParts {
  /** The socket, on its way; every piece that it reads goes to `receive`, whose memory is used again. */
  open(receive: (piece: Buffer) => void): Socket;
  /** When it may be written to: nothing is sent before the other side's certificate was checked. */
  readonly readyEvent: "connect" | "secureConnect";
  readonly maxBodyBytes: number;
  /** Told once, when the connection is of no more use. */
  onGone(connection: HttpConnection): void;
}

interface Exchange {
  receive(piece: Buffer): void;
  /** The other side has closed. */
  end(): void;
  fail(error: unknown): void;
}

/** Begins to connect at once. */
export function createHttpConnection(parts: ConnectionParts): HttpConnection {
  let current: Exchange | undefined;
  let answering = false;
  let ready = false;
  let gone = false;

  const drop = (error: unknown): void => {
    if (!gone) {
      gone = true;
      socket.destroy();
      parts.onGone(connection);
    }
    current?.fail(error);
  };

  const socket = parts.open((piece) => {
    answering = true;
    if (current === undefined) drop(cut("sent bytes that nobody asked for"));
    else current.receive(piece);
  });
  socket.on("error", drop);
  socket.on("end", () => {
    current?.end();
    drop(cut("closed the connection before its answer was whole"));
  });
  socket.on("close", () => drop(cut("closed the connection")));
  socket.on("connect", () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
  });
  socket.on(parts.readyEvent, () => {
    ready = true;
  });

  function write(request: string): void {
    socket.ref();
    if (ready || parts.readyEvent === "connect") socket.write(request);
    else socket.once(parts.readyEvent, () => socket.write(request));
  }

  const connection: HttpConnection = {
    exchange: (request, signal) =>
      new Promise((resolve, reject) => {
        const parser = createAnswerParser(parts.maxBodyBytes);
        const settle = (settled: () => void) => {
          current = undefined;
          signal.removeEventListener("abort", onAbort);
          settled();
        };
        const done = (answer: HttpAnswer) => {
          if (answer.kept) socket.unref();
          settle(() => resolve(answer));
          if (!answer.kept) drop(undefined);
        };
        const attempt = (read: () => HttpAnswer | undefined) => {
          try {
            const answer = read();
            if (answer !== undefined) done(answer);
          } catch (error) {
            drop(error);
          }
        };
        const onAbort = () => drop(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        answering = false;
        current = {
          receive: (piece) => attempt(() => parser.feed(piece)),
          end: () => attempt(() => parser.end()),
          fail: (error) => settle(() => reject(error)),
        };
        write(request);
      }),
    isAnswering: () => answering,
    destroy: () => drop(cut("was left")),
  };
  return connection;
}

function cut(what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the other side ${what}`), { code: "ECONNRESET" });
}
