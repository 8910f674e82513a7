import { isIP } from "node:net";

/** One server in an entry that publishes several. */
export interface EntryServer {
  readonly host: string;
  readonly port: number;
  readonly weight?: number;
  readonly backup?: boolean;
}

/** The JSON value under `haproxy/<kind>/<tag>`. The four required fields describe the first choice. */
export interface Entry {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly proxyport: number;
  readonly servers?: readonly EntryServer[];
  /** Fields this program does not know, kept as they were. */
  readonly [unknown: string]: unknown;
}

/** Either the entry or, in words for a log line, why the value is none. */
export type EntryResult = { readonly entry: Entry } | { readonly problem: string };

/** The key of an entry below the store's root. */
export function entryKey(kind: string, tag: string): string {
  return `haproxy/${kind}/${tag}`;
}

/** What HAProxy accepts as the name of a proxy or server (configuration manual, section 2.2). */
const NAME = /^[A-Za-z0-9_.:-]{1,128}$/;
const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/;

/** Reads an entry that anyone may have written. Nothing is trusted: names, hosts and ports are checked. */
export function parseEntry(value: string): EntryResult {
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    return { problem: "it is not JSON" };
  }
  return checkEntry(json);
}

/** As {@link parseEntry}, for a value that is parsed already. */
export function checkEntry(json: unknown): EntryResult {
  if (!isRecord(json)) return { problem: "it is not a JSON object" };
  const problem =
    nameProblem(json["name"]) ??
    serverProblem(json) ??
    portProblem("proxyport", json["proxyport"]) ??
    serversProblem(json["servers"]);
  return problem === undefined ? { entry: json as unknown as Entry } : { problem };
}

/** Whether a word may name a proxy or a server in haproxy.cfg, and be the last part of a key. */
export function isName(word: unknown): word is string {
  return typeof word === "string" && NAME.test(word);
}

/** Whether a word is an IP address or a host name. */
export function isHost(word: unknown): word is string {
  return typeof word === "string" && (isIP(word) !== 0 || HOST.test(word));
}

/** Whether a number is a TCP port. */
export function isPort(port: unknown): port is number {
  return Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535;
}

function nameProblem(name: unknown): string | undefined {
  return isName(name) ? undefined : `"name" must be a word of letters, digits and _.:- (is ${show(name)})`;
}

function portProblem(field: string, port: unknown): string | undefined {
  return isPort(port) ? undefined : `"${field}" must be a port from 1 to 65535 (is ${show(port)})`;
}

function serverProblem(server: Readonly<Record<string, unknown>>): string | undefined {
  if (!isHost(server["host"])) return `"host" must be an IP address or a host name (is ${show(server["host"])})`;
  return portProblem("port", server["port"]);
}

function serversProblem(servers: unknown): string | undefined {
  if (servers === undefined) return undefined;
  if (!Array.isArray(servers) || servers.length === 0) return `"servers" must be a list of at least one server`;
  for (const [i, server] of servers.entries()) {
    const problem = isRecord(server) ? (serverProblem(server) ?? optionalsProblem(server)) : "it is not an object";
    if (problem !== undefined) return `"servers"[${i}]: ${problem}`;
  }
  return undefined;
}

function optionalsProblem(server: Readonly<Record<string, unknown>>): string | undefined {
  const { weight, backup } = server;
  if (weight !== undefined && !(Number.isInteger(weight) && (weight as number) >= 0 && (weight as number) <= 256)) {
    return `"weight" must be a whole number from 0 to 256 (is ${show(weight)})`;
  }
  if (backup !== undefined && typeof backup !== "boolean") return `"backup" must be true or false (is ${show(backup)})`;
  return undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
