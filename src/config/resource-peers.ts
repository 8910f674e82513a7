import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isAbsolute } from "node:path";
import { isHost, isName, isPort } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";
import type { Peer, PeersSettings } from "../core/peers.ts";
import { openTable, type TomlTable } from "./toml-table.ts";

const KEYS = [
  "local",
  "announce",
  "members",
  "pattern",
  "instances",
  "instances_file",
  "socket_port",
  "table",
] as const;

/** More HAProxies than this share no table: each talks with each. A mistyped number would fill the file. */
const MOST_INSTANCES = 100;

type Place = Pick<Peer, "host" | "port">;
type Named = Omit<Peer, "socket">;

/**
 * Reads `[peers]` of a template resource, and the file that `instances_file` names; undefined when there is none. Throws
 * E_CONFIG that names the key.
 */
export function parsePeers(document: Readonly<Record<string, unknown>>, file: string): PeersSettings | undefined {
  if (document["peers"] === undefined) return undefined;
  const table = openTable(document, "peers", { file, known: KEYS });
  const socketPort = portOf(table, "socket_port");
  const withSocket = <T extends Place>(place: T): T & Pick<Peer, "socket"> => ({
    ...place,
    socket: socketPort === undefined ? undefined : addressOf(place.host, socketPort),
  });
  const announced = table.string("announce");
  const members = [...listed(table), ...patterned(table)].map(withSocket);
  rejectDoubles(members, table);
  return {
    local: nameIn(table, "local"),
    announce: announced === undefined ? undefined : withSocket(announcedPlace(announced, table)),
    members,
    instancesFile: instancesFileOf(table),
    table: nameIn(table, "table"),
  };
}

/** `lb1=10.0.0.5:10000` */
function listed(table: TomlTable): readonly Named[] {
  return (table.oneOrMore("members") ?? []).map((member) => {
    const at = member.indexOf("=");
    if (at === -1) throw table.problem("members", `must be name=host:port (is "${member}")`, MEMBER_HINT);
    const name = checkedName(member.slice(0, at), table, "members");
    return { name, ...place(member.slice(at + 1), table, "members") };
  });
}

const MEMBER_HINT = 'for example members = ["lb1=10.0.0.5:10000", "lb2=10.0.0.6:10000"]';

/** `haproxy-{n}.haproxy-peers:10000` with n from 0: the names of a StatefulSet's pods, which are what is before the first dot. */
function patterned(table: TomlTable): readonly Named[] {
  const pattern = table.string("pattern");
  const instances = instancesOf(table);
  if (pattern === undefined) {
    if (instances === undefined) return [];
    throw table.problem("pattern", `is missing: ${instances.key} says for how many`, PATTERN_HINT);
  }
  if (!pattern.includes("{n}")) throw table.problem("pattern", `must have {n} in it (is "${pattern}")`, PATTERN_HINT);
  if (instances === undefined) {
    throw table.problem("pattern", "needs instances or instances_file", "how many HAProxies there are");
  }
  return Array.from({ length: instances.count }, (_, n) => {
    const { host, port } = place(pattern.replaceAll("{n}", `${n}`), table, "pattern");
    return { name: checkedName(host.split(".")[0] ?? host, table, "pattern"), host, port };
  });
}

const PATTERN_HINT = '{n} counts from 0: pattern = "haproxy-{n}.haproxy-peers:10000"';

function instancesOf(table: TomlTable): { readonly key: string; readonly count: number } | undefined {
  const count = table.integer("instances");
  const path = table.string("instances_file");
  if (path === undefined) {
    return count === undefined ? undefined : { key: "instances", count: checkedCount(count, table, "instances") };
  }
  if (count !== undefined) throw table.problem("instances", "and instances_file say the same thing twice; keep one");
  return { key: "instances_file", count: countInFile(path, table) };
}

function instancesFileOf(table: TomlTable): PeersSettings["instancesFile"] {
  const path = table.string("instances_file");
  return path === undefined ? undefined : { path, text: read(path, table) };
}

function countInFile(path: string, table: TomlTable): number {
  const key = "instances_file";
  if (!isAbsolute(path)) throw table.problem(key, `must be an absolute path (is "${path}")`);
  const text = read(path, table);
  // What else is in the file stays unsaid: it may be the wrong secret.
  if (!/^\d{1,9}$/.test(text)) {
    throw table.problem(key, `${path} does not hold a whole number`, "its whole content must be a number, such as 3");
  }
  return checkedCount(Number(text), table, key);
}

function read(path: string, table: TomlTable): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { message } = table.problem("instances_file", `${path} cannot be read`);
    const hint = "a file with the number of HAProxies in it, such as a mounted secret; is it mounted, and readable?";
    throw new AppError("E_CONFIG", message, { cause: error, hint });
  }
}

function checkedCount(count: number, table: TomlTable, key: string): number {
  if (count >= 1 && count <= MOST_INSTANCES) return count;
  throw table.problem(key, `must be a whole number from 1 to ${MOST_INSTANCES} (is ${count})`);
}

/** `:10000` is a port of this machine, by its host name. */
function announcedPlace(text: string, table: TomlTable): Place {
  if (!text.startsWith(":")) return place(text, table, "announce");
  const host = hostname();
  if (isHost(host)) return place(`${host}${text}`, table, "announce");
  throw table.problem("announce", `leaves the host out, and this machine's host name "${host}" is none`, PLACE_HINT);
}

const PLACE_HINT = 'for example "10.0.0.5:10000", "lb1.example.com:10000" or "[2001:db8::5]:10000"';

function place(text: string, table: TomlTable, key: string): Place {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw table.problem(key, `must be host:port (is "${text}")`, PLACE_HINT);
  if (!isHost(host)) {
    throw table.problem(key, `"${host}" in "${text}" is neither an IP address nor a host name`, PLACE_HINT);
  }
  const port = Number(match?.[3]);
  if (!isPort(port)) throw table.problem(key, `the port in "${text}" must be from 1 to 65535`, PLACE_HINT);
  return { host, port };
}

function portOf(table: TomlTable, key: string): number | undefined {
  const port = table.integer(key);
  if (port === undefined || isPort(port)) return port;
  throw table.problem(key, `must be a port from 1 to 65535 (is ${port})`);
}

function nameIn(table: TomlTable, key: string): string | undefined {
  const name = table.string(key);
  return name === undefined ? undefined : checkedName(name, table, key);
}

/** What HAProxy takes as a name, and every store as a part of a key: a folder store's files do not begin with a dot. */
function checkedName(name: string, table: TomlTable, key: string): string {
  if (isName(name) && !name.startsWith(".")) return name;
  throw table.problem(
    key,
    `"${name}" cannot be a name: HAProxy takes letters, digits and _.:- and no dot comes first`,
    "it is the name behind `peer` in the section; HAProxy's own is that of -L, else its host name",
  );
}

function rejectDoubles(members: readonly Peer[], table: TomlTable): void {
  const byName = new Map<string, Peer>();
  const byPlace = new Map<string, Peer>();
  for (const member of members) {
    const address = addressOf(member.host, member.port);
    const namesake = byName.get(member.name);
    if (namesake !== undefined) {
      const places = `${addressOf(namesake.host, namesake.port)} and ${address}`;
      throw table.problem("members", `there are two called "${member.name}": ${places}`, DOUBLE_HINT);
    }
    const other = byPlace.get(address);
    if (other !== undefined) {
      throw table.problem("members", `"${other.name}" and "${member.name}" are both at ${address}`, DOUBLE_HINT);
    }
    byName.set(member.name, member);
    byPlace.set(address, member);
  }
}

const DOUBLE_HINT = "members and pattern together must name each HAProxy once";

function addressOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
