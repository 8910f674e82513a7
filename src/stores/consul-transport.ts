import { readFileSync } from "node:fs";
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import type { AgentOptions as HttpsAgentOptions } from "node:https";
import { isIP } from "node:net";
import { promisify } from "node:util";
import { AppError } from "../core/errors.ts";
import type { TlsOptions } from "../core/store-options.ts";

/** The largest answer we read, compressed or not: 100,000 entries come to about 30 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Idle time before the kernel asks the other side whether it still lives, ms. */
const TCP_KEEPALIVE_MS = 15_000;

/** One agent of Consul. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One request as it goes over the wire; `path` begins with a slash. */
export interface HttpRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: string | undefined;
  /** Whether sending it twice does no harm; a kept connection that turns out dead is then replaced quietly. */
  readonly repeatable: boolean;
}

/** A whole answer. */
export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** HTTP and nothing of Consul: kept connections, TLS, compression. Throws Node's own errors. */
export interface Transport {
  ask(address: Address, request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  /** Drops every connection, also those in use. */
  close(): void;
}

/**
 * Opens no connection yet. A request in flight occupies its connection alone, so a blocking query never
 * holds up a write. Throws E_CONFIG when a certificate file cannot be read.
 */
export async function createTransport(tls: TlsOptions | undefined): Promise<Transport> {
  const agentOptions = { keepAlive: true, keepAliveMsecs: TCP_KEEPALIVE_MS };
  const https = tls === undefined ? undefined : await import("node:https");
  const agent =
    https === undefined || tls === undefined
      ? new HttpAgent(agentOptions)
      : new https.Agent({ ...agentOptions, ...tlsAgentOptions(tls) });
  const open = https?.request ?? httpRequest;
  return {
    async ask(address, request, signal) {
      const send = () => {
        const options = { agent, host: address.host, port: address.port, method: request.method };
        const headers = requestHeaders(address, request);
        return exchange(open({ ...options, path: request.path, headers, signal }), request.body);
      };
      try {
        return await send();
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
        if (request.repeatable && !signal.aborted) return await send();
        throw error.cause;
      }
    },
    close: () => agent.destroy(),
  };
}

/** A kept connection had been closed by the other side when the request was written to it. */
class StaleConnection extends Error {}

function exchange(request: ClientRequest, body: string | undefined): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let answered = false;
    request.on("error", (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && !answered && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(stale ? new StaleConnection("stale connection", { cause: error }) : error);
    });
    request.on("response", (response) => {
      answered = true;
      readBody(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
        (error: unknown) => {
          request.destroy();
          reject(error);
        },
      );
    });
    request.end(body);
  });
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const bytes = await collect(response);
  if (response.headers["content-encoding"] !== "gzip") return bytes;
  const { gunzip } = await import("node:zlib");
  return promisify(gunzip)(bytes, { maxOutputLength: MAX_BODY_BYTES });
}

function collect(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(new AppError("E_STORE_INVALID", `the answer is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB`));
    });
    response.on("end", () => {
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length));
    });
    response.on("error", reject);
  });
}

function requestHeaders(address: Address, request: HttpRequest): Record<string, string | number> {
  return {
    ...(request.token === undefined ? {} : { "X-Consul-Token": request.token }),
    // On this machine compressing costs both sides more than the bytes do.
    ...(isLoopback(address.host) ? {} : { "Accept-Encoding": "gzip" }),
    ...(request.body === undefined ? {} : { "Content-Length": Buffer.byteLength(request.body) }),
  };
}

/** Whether an address is on this machine as far as its spelling tells. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function tlsAgentOptions(tls: TlsOptions): HttpsAgentOptions {
  return {
    ...(tls.caFile === undefined ? {} : { ca: readPem(tls.caFile, "--ca-file") }),
    ...(tls.certFile === undefined ? {} : { cert: readPem(tls.certFile, "--cert-file") }),
    ...(tls.keyFile === undefined ? {} : { key: readPem(tls.keyFile, "--key-file") }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls.verify,
  };
}

function readPem(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AppError("E_CONFIG", `the file ${path} cannot be read`, { cause: error, hint: `check ${flag}` });
  }
}
