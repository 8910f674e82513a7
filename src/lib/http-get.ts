import { Agent as HttpAgent, type IncomingMessage, request } from "node:http";
import { Agent as HttpsAgent, request as requestTls } from "node:https";

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
  /** For https: PEM of the CA to trust beside none other; the system's without it. */
  readonly ca?: string;
  /** False only when the user said so: the certificate is then not checked. */
  readonly verify?: boolean;
}

/** Connects at the first question. */
export function createHttpGetter(options: HttpGetterOptions): HttpGetter {
  const { ca, verify = true, headers = {}, maxBytes } = options;
  const kept = { keepAlive: true, maxSockets: 1 };
  const plain = new HttpAgent(kept);
  const tls = new HttpsAgent({ ...kept, rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca }) });

  return {
    get: (url, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const secure = url.protocol === "https:";
        const asked = (secure ? requestTls : request)(url, { agent: secure ? tls : plain, headers });
        const onAbort = () => asked.destroy(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        asked.on("close", () => signal.removeEventListener("abort", onAbort));
        asked.on("error", (error) => reject(signal.aborted ? signal.reason : error));
        asked.on("response", (answer) => {
          readBody(answer, maxBytes).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
        });
        asked.end();
      }),
    close() {
      plain.destroy();
      tls.destroy();
    },
  };
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
