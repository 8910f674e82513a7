import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
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
   * or no HTTP, when the body is longer than allowed, and with the signal's reason. One question at a time. A question
   * that meets a kept connection which the server has just let go of is put once more, on a new one.
   */
  get(url: URL, signal: AbortSignal): Promise<HttpAnswer>;
  /** Safe to call twice; a question under way rejects. */
  close(): void;
}

/** How to ask. */
export interface HttpGetterOptions {
  /** So much of a body is read. */
  readonly maxBytes: number;
  /** What a longer body is: an error, as it is by default, or of no interest (the connection is not kept then). */
  readonly excess?: "error" | "ignored";
  readonly headers?: Readonly<Record<string, string>>;
  /** For https: PEM of the CA to trust, instead of those that Node trusts. */
  readonly ca?: string;
  /** False only when the user said so: the certificate is then not checked. */
  readonly verify?: boolean;
  /** The server has ended the kept connection while nothing was asked, and not because it had been idle for so long. */
  readonly onLost?: (reason: string) => void;
}

/** Connects at the first question. */
export function createHttpGetter(options: HttpGetterOptions): HttpGetter {
  const requests = createRequests(options);
  const watch = createWatch(options.onLost);
  let closed = false;

  function rejectIfOver(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (closed) throw new Error("the connection was closed by this side");
  }

  async function askOnce(url: URL, signal: AbortSignal): Promise<HttpAnswer | "stale"> {
    const asked = await requests.begin(url);
    const onAbort = () => asked.destroy();
    signal.addEventListener("abort", onAbort, { once: true });
    let answer: IncomingMessage | undefined;
    try {
      watch.busy(asked);
      const responded = responseTo(asked);
      // It may have been over before there was anything to destroy.
      if (closed || signal.aborted) asked.destroy();
      else asked.end();
      answer = await responded;
      const { socket } = answer;
      const body = await readBody(answer, options);
      if (asked.shouldKeepAlive && answer.complete) watch.idle(socket, answer);
      return { status: answer.statusCode ?? 0, body };
    } catch (error) {
      rejectIfOver(signal);
      if (answer === undefined && isStale(asked, error)) return "stale";
      throw inWords(error, answer);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    async get(url, signal) {
      rejectIfOver(signal);
      // Twice at the most: with the connection that was kept the only one is gone.
      for (;;) {
        const answer = await askOnce(url, signal);
        if (answer !== "stale") return answer;
      }
    },
    close() {
      closed = true;
      watch.stop();
      requests.close();
    },
  };
}

const NO_ANSWER = "it closed the connection without an answer";
const HALF_AN_ANSWER = "it closed the connection in the middle of its answer";

/** Makes the requests of one getter: at most one connection for each of the two protocols. */
function createRequests({ headers = {}, ca, verify = true }: HttpGetterOptions) {
  const kept = { keepAlive: true, maxSockets: 1 };
  const agents = new Map<string, Agent>();

  function agentFor(protocol: string, make: () => Agent): Agent {
    const agent = agents.get(protocol) ?? make();
    agents.set(protocol, agent);
    return agent;
  }

  return {
    async begin(url: URL): Promise<ClientRequest> {
      if (url.protocol !== "https:") {
        return request(url, { headers, agent: agentFor(url.protocol, () => new Agent(kept)) });
      }
      // Loaded late: 1 MB that whoever asks without TLS does not need.
      const https = await import("node:https");
      const trust = { rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca }) };
      return https.request(url, {
        headers,
        agent: agentFor(url.protocol, () => new https.Agent({ ...kept, ...trust })),
      });
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** Servers that announce for how long they keep an idle connection mean it to about a second. */
const IDLE_MARGIN_MS = 1_000;

/** Tells of connections that the server ends while they are kept and nothing is asked on them. */
function createWatch(onLost: ((reason: string) => void) | undefined) {
  /** From when on the end of an idle connection is what the server has announced; undefined while it is in use. */
  const dueMs = new WeakMap<Socket, number | undefined>();
  let stopped = false;
  const onSocket = (socket: Socket) => {
    const isKnown = dueMs.has(socket);
    dueMs.set(socket, undefined);
    if (isKnown) return;
    socket.once("close", () => {
      const due = dueMs.get(socket);
      if (due !== undefined && performance.now() < due && !stopped) onLost?.("it closed the connection");
    });
  };
  return {
    busy: (asked: ClientRequest) => void asked.on("socket", onSocket),
    idle(socket: Socket, { headers }: IncomingMessage) {
      const seconds = /(?:^|[ ,])timeout=(\d+)/i.exec(String(headers["keep-alive"] ?? ""))?.[1];
      const afterMs = seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1_000 - IDLE_MARGIN_MS;
      dueMs.set(socket, performance.now() + afterMs);
    },
    stop() {
      stopped = true;
    },
  };
}

function responseTo(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.on("error", reject);
    asked.on("response", resolve);
    asked.on("close", () => reject(new Error(NO_ANSWER)));
  });
}

/**
 * The server let go of the kept connection just when it was used again: that says nothing about the server, and a GET
 * may be put again (RFC 9110, 9.2.2).
 */
function isStale({ reusedSocket }: ClientRequest, error: unknown): boolean {
  const code = codeOf(error);
  return reusedSocket && (code === "ECONNRESET" || code === "EPIPE");
}

function readBody(
  answer: IncomingMessage,
  { maxBytes, excess = "error" }: Pick<HttpGetterOptions, "maxBytes" | "excess">,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const text = () => Buffer.concat(chunks, Math.min(length, maxBytes)).toString("utf8");
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= maxBytes) return;
      if (excess === "ignored") resolve(text());
      else reject(new Error("its answer is too long"));
      answer.destroy();
    });
    answer.on("end", () => resolve(text()));
    answer.on("error", reject);
    answer.on("close", () => reject(new Error(HALF_AN_ANSWER)));
  });
}

/** Node's own words for a connection that ended too early, and for bytes that are no HTTP or no TLS, say too little or too much. */
function inWords(error: unknown, answer: IncomingMessage | undefined): unknown {
  const code = codeOf(error);
  if (code === "EPROTO" || code?.startsWith("ERR_SSL_")) return new Error(`TLS: ${opensslReason(error)}`);
  if (code?.startsWith("HPE_")) return new Error("its answer is not HTTP", { cause: error });
  if (code !== "ECONNRESET" || !/^(socket hang up|aborted)$/.test((error as Error).message)) return error;
  return new Error(answer === undefined ? NO_ANSWER : HALF_AN_ANSWER);
}

/** Out of `80BC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:file:line:`. */
function opensslReason(error: unknown): string {
  const { message } = error as Error;
  return /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] ?? message;
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
