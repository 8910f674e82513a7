import { readFileSync } from "node:fs";
import { connect, isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { AppError } from "../core/errors.ts";
import type { TlsOptions } from "../core/store-options.ts";
import { targetName } from "../core/targets.ts";
import type { HttpAnswer } from "./http-answer.ts";
import type { HttpHeaders } from "./http-head.ts";
import { createHttpPool, type HttpPool, type PoolParts } from "./http-pool.ts";
import { requestText } from "./http-request.ts";

/** The largest answer we read, compressed or not: 100,000 entries come to about 30 MB. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** All sockets read into this one, as nothing that was read stays in it: Node's own way is 64 KiB anew per read. */
const READ_BUFFER_BYTES = 64 * 1024;

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
  readonly headers: HttpHeaders;
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
  const partsFor = tls === undefined ? tcpParts() : await tlsParts(tls);
  const pools = new Map<string, HttpPool>();
  const poolOf = (address: Address): HttpPool => {
    const name = targetName(address);
    const pool = pools.get(name) ?? createHttpPool(partsFor(address));
    pools.set(name, pool);
    return pool;
  };
  return {
    async ask(address, request, signal) {
      const { method, path, body, repeatable } = request;
      const text = requestText({ method, path, headers: requestHeaders(address, request), body });
      const answer = await poolOf(address).exchange(text, repeatable, signal);
      return answer.headers["content-encoding"] === "gzip" ? unpacked(answer) : answer;
    },
    close() {
      for (const pool of pools.values()) pool.close();
    },
  };
}

async function unpacked(answer: HttpAnswer): Promise<HttpReply> {
  const { gunzip } = await import("node:zlib");
  return { ...answer, body: await promisify(gunzip)(answer.body, { maxOutputLength: MAX_BODY_BYTES }) };
}

function requestHeaders(address: Address, { token }: HttpRequest): Record<string, string> {
  return {
    // a zone means something on this machine only (RFC 6874)
    Host: targetName({ host: address.host.replace(/%.*/, ""), port: address.port }),
    ...(token === undefined ? {} : { "X-Consul-Token": token }),
    // On this machine compressing costs both sides more than the bytes do.
    ...(isLoopback(address.host) ? {} : { "Accept-Encoding": "gzip" }),
  };
}

type PartsFor = (address: Address) => PoolParts;

function tcpParts(): PartsFor {
  const readInto = createReading();
  return ({ host, port }) => ({
    open: (receive) => connect({ host, port, onread: readInto(receive) }),
    readyEvent: "connect",
    maxBodyBytes: MAX_BODY_BYTES,
  });
}

async function tlsParts(tls: TlsOptions): Promise<PartsFor> {
  const { connect: connectTls } = await import("node:tls");
  const readInto = createReading();
  const options = tlsConnectOptions(tls);
  return ({ host, port }) => {
    // SNI has no place for an address (RFC 6066, 3)
    const sni = isIP(host) === 0 ? { servername: host } : {};
    const target: ConnectionOptions = { ...sni, ...options, host, port };
    return {
      // Node's documentation has `onread` here too, its types do not
      open: (receive) => connectTls(Object.assign({ onread: readInto(receive) }, target)),
      readyEvent: "secureConnect",
      maxBodyBytes: MAX_BODY_BYTES,
    };
  };
}

type OnRead = { buffer: Buffer; callback(length: number): boolean };

function createReading(): (receive: (piece: Buffer) => void) => OnRead {
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  return (receive) => ({
    buffer,
    callback(length) {
      receive(buffer.subarray(0, length));
      return true;
    },
  });
}

/** Whether an address is on this machine as far as its spelling tells. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function tlsConnectOptions(tls: TlsOptions): ConnectionOptions {
  return {
    ALPNProtocols: ["http/1.1"],
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
