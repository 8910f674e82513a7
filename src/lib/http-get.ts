import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request } from "node:http";
import { Agent as HttpsAgent, request as requestTls } from "node:https";
import type { Socket } from "node:net";

/** What a server answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Asks one server over one connection, which is kept where the server allows it. */
export interface HttpGetter {
  /**
   * Resolves with whatever status the server answers; redirects are not followed. Rejects when there is no connection
   * or no HTTP, when the body is longer than allowed, and with the signal's reason. One question at a time.
   */
  get(url: URL, signal: AbortSignal): Promise<HttpAnswer>;
  /** Safe to call twice; a question under way rejects. */
  close(): void;
}

/** How to ask. */
export interface HttpGetterOptions {
  /** A longer body than this is an error. */
  readonly maxBytes: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For https: PEM of the CA to trust, instead of those that Node trusts. */
  readonly ca?: string;
  /** False only when the user said so: the certificate is then not checked. */
  readonly verify?: boolean;
  /** The connection that was kept has ended while nothing was asked. */
  readonly onLost?: (reason: string) => void;
}

/** Connects at the first question. */
export function createHttpGetter(options: HttpGetterOptions): HttpGetter {
  const { ca, verify = true } = options;
  const kept = { keepAlive: true, maxSockets: 1 };
  const plain = new HttpAgent(kept);
  const tls = new HttpsAgent({ ...kept, rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca }) });
  const watch = createWatch(options.onLost);
  let closed = false;

  function begin(url: URL): ClientRequest {
    const { headers = {} } = options;
    return url.protocol === "https:"
      ? requestTls(url, { agent: tls, headers })
      : request(url, { agent: plain, headers });
  }

  async function askOnce(url: URL, signal: AbortSignal): Promise<HttpAnswer | "stale"> {
    const asked = begin(url);
    const onAbort = () => asked.destroy();
    signal.addEventListener("abort", onAbort, { once: true });
    watch.busy(asked);
    try {
      const answer = await responseTo(asked);
      const { socket } = answer;
      const body = await readBody(answer, options.maxBytes);
      if (asked.shouldKeepAlive) watch.idle(socket);
      return { status: answer.statusCode ?? 0, body };
    } catch (error) {
      signal.throwIfAborted();
      if (closed) throw new Error("the connection was closed by this side");
      if (isStale(asked, error)) return "stale";
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    async get(url, signal) {
      signal.throwIfAborted();
      for (;;) {
        const answer = await askOnce(url, signal);
        if (answer !== "stale") return answer;
      }
    },
    close() {
      closed = true;
      watch.stop();
      plain.destroy();
      tls.destroy();
    },
  };
}

/** Tells of connections that end while they are kept and nothing is asked on them. */
function createWatch(onLost: ((reason: string) => void) | undefined) {
  const kept = new WeakMap<Socket, boolean>();
  let stopped = false;
  const onSocket = (socket: Socket) => {
    if (kept.has(socket)) return kept.set(socket, false);
    socket.once("close", () => {
      if (kept.get(socket) === true && !stopped) onLost?.("it closed the connection");
    });
    return kept.set(socket, false);
  };
  return {
    busy: (asked: ClientRequest) => void asked.on("socket", onSocket),
    idle: (socket: Socket) => void kept.set(socket, true),
    stop() {
      stopped = true;
    },
  };
}

function responseTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.on("error", reject);
    asked.on("response", resolve);
    asked.on("close", () => reject(new Error("it closed the connection without an answer")));
    asked.end();
  });
}

/** The server let go of the kept connection just when it was used again: that says nothing about the server. */
function isStale({ reusedSocket }: ClientRequest, error: unknown): boolean {
  if (!reusedSocket) return false;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ECONNRESET" || code === "EPIPE";
}

function readBody(answer: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > maxBytes) answer.destroy(new Error("its answer is too long"));
    });
    answer.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    answer.on("error", reject);
    answer.on("close", () => reject(new Error("it closed the connection in the middle of its answer")));
  });
}
