import { createConnection, type Socket, type TcpNetConnectOpts } from "node:net";

/** A TCP connection that is kept between exchanges and made anew when it is needed and gone. */
export interface KeptSocket {
  /** False: the next exchange makes a new connection, to which whoever wants a password has to give it again. */
  readonly connected: boolean;
  /** The address it is connected to, whatever name it was given. */
  readonly remoteAddress: string | undefined;
  /**
   * Sends `request` and resolves with what `read` makes of the bytes received so far, as soon as that is not
   * undefined. Rejects with what `read` throws, when the connection cannot be made or is lost, and with the
   * signal's reason; the connection is dropped then, so that a late answer is never taken for another one.
   * One exchange at a time.
   */
  exchange<T>(request: Buffer, read: (received: Buffer) => T | undefined, signal: AbortSignal): Promise<T>;
  /** Safe to call twice. An exchange that is under way rejects; `onLost` is not called. */
  close(): void;
}

/** Opens a socket: `createConnection` of `node:net`, or one that speaks TLS. */
export type Connect = (options: TcpNetConnectOpts) => Socket;

/** Where to, and what to do when the connection ends while nothing is asked. */
export interface KeptSocketOptions {
  readonly host: string;
  readonly port: number;
  /** More bytes than this in one answer are an error. */
  readonly maxBytes: number;
  /** Called for each new connection; plain TCP by default. */
  readonly connect?: Connect;
  onLost(reason: string): void;
}

/**
 * All sockets read into this one, and what was read is copied out before the next read: Node's own way, 64 KiB
 * anew for each read, is most of what asking a thousand servers each second would cost.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(16_384);

interface Exchange {
  receive(received: Buffer): void;
  fail(error: unknown): void;
}

/** Connects at the first exchange. */
export function createKeptSocket(options: KeptSocketOptions): KeptSocket {
  let socket: Socket | undefined;
  let pending: Exchange | undefined;

  /** The end of `ended`, told to whom it concerns: the one who is asking, else the listener. Only the first counts. */
  function end(ended: Socket, error: unknown): void {
    if (socket !== ended) return;
    socket = undefined;
    ended.destroy();
    if (pending === undefined) options.onLost(error instanceof Error ? error.message : String(error));
    else pending.fail(error);
  }

  function connect(): Socket {
    let received: Buffer | undefined;
    const receive = (chunk: Buffer) => {
      if (socket !== made) return;
      if (pending === undefined) {
        end(made, new Error("it sent bytes that nobody asked for"));
        return;
      }
      received = received === undefined ? chunk : Buffer.concat([received, chunk]);
      if (received.length > options.maxBytes) end(made, new Error("its answer is too long"));
      else pending.receive(received);
      if (pending === undefined) received = undefined;
    };
    const made = (options.connect ?? createConnection)({
      host: options.host,
      port: options.port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: READ_BUFFER,
        callback(length) {
          receive(Buffer.from(READ_BUFFER.subarray(0, length)));
          return true;
        },
      },
    });
    made.on("error", (error) => end(made, error));
    made.on("end", () => end(made, new Error("it closed the connection")));
    made.on("close", () => end(made, new Error("the connection was closed")));
    socket = made;
    return made;
  }

  function drop(): void {
    const dropped = socket;
    socket = undefined;
    dropped?.destroy();
  }

  return {
    get connected() {
      return socket !== undefined;
    },
    get remoteAddress() {
      return socket?.remoteAddress;
    },
    exchange: (request, read, signal) =>
      new Promise((resolve, reject) => {
        const finish = () => {
          pending = undefined;
          signal.removeEventListener("abort", onAbort);
        };
        const fail = (error: unknown) => {
          finish();
          drop();
          reject(error);
        };
        const onAbort = () => fail(signal.reason);
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        signal.addEventListener("abort", onAbort, { once: true });
        pending = {
          fail,
          receive(received) {
            try {
              const answer = read(received);
              if (answer === undefined) return;
              finish();
              resolve(answer);
            } catch (error) {
              fail(error);
            }
          },
        };
        (socket ?? connect()).write(request);
      }),
    close() {
      if (pending === undefined) drop();
      else pending.fail(new Error("the connection was closed by this side"));
    },
  };
}
