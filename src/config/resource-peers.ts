import type { Peer, PeersSettings } from "../core/peers.ts";
import { openTable, type TomlTable } from "./toml-table.ts";

const KEYS = ["local", "announce", "members", "pattern", "instances", "socket_port", "table"] as const;

/** Reads `[peers]` of a template resource; undefined when there is none. Throws E_CONFIG that names the key. */
export function parsePeers(document: Readonly<Record<string, unknown>>, file: string): PeersSettings | undefined {
  if (document["peers"] === undefined) return undefined;
  const table = openTable(document, "peers", { file, known: KEYS });
  const socketPort = table.integer("socket_port");
  const withSocket = (peer: Omit<Peer, "socket">): Peer => ({
    ...peer,
    socket: socketPort === undefined ? undefined : `${peer.host}:${socketPort}`,
  });
  const announced = table.string("announce");
  const announce = announced === undefined ? undefined : place(announced, table, "announce");
  return {
    local: table.string("local"),
    announce: announce === undefined ? undefined : withSocket({ name: "", ...announce }),
    members: [...listed(table), ...patterned(table)].map(withSocket),
    table: table.string("table"),
  };
}

/** `lb1=10.0.0.5:10000` */
function listed(table: TomlTable): readonly Omit<Peer, "socket">[] {
  return (table.oneOrMore("members") ?? []).map((member) => {
    const at = member.indexOf("=");
    if (at < 1) throw table.problem("members", `must be name=host:port (is "${member}")`);
    return { name: member.slice(0, at), ...place(member.slice(at + 1), table, "members") };
  });
}

/** `haproxy-{n}.haproxy-peers:10000` with n from 0: the names of a StatefulSet's pods, which are what is before the first dot. */
function patterned(table: TomlTable): readonly Omit<Peer, "socket">[] {
  const pattern = table.string("pattern");
  if (pattern === undefined) return [];
  const instances = table.integer("instances") ?? 0;
  return Array.from({ length: instances }, (_, n) => {
    const { host, port } = place(pattern.replaceAll("{n}", `${n}`), table, "pattern");
    return { name: host.split(".")[0] ?? host, host, port };
  });
}

function place(text: string, table: TomlTable, key: string): { readonly host: string; readonly port: number } {
  const match = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text);
  if (match === null) throw table.problem(key, `must be host:port (is "${text}")`);
  return { host: match[1] ?? "", port: Number(match[2]) };
}
