import { isHost } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";

/** One place to listen on. */
export type AgentBind = { readonly host: string; readonly port: number } | { readonly path: string };

/** All interfaces: IPv6 with IPv4 in it, or IPv4 alone where the machine has no IPv6. */
export const EVERYWHERE = "*";

/** What `--agent-bind` is when nobody says anything: then no port means no agent. */
export const DEFAULT_BIND = "127.0.0.1";

/** unix(7); what is longer is cut off without a word, and another file made. */
const MOST_PATH_BYTES = 107;

const HINT = "write an address, [address]:port, * for all interfaces, or unix:/path; several with commas between them";

/**
 * Where the agent port is to be served, from `--agent-port` and `--agent-bind`; undefined: nowhere. An address without
 * a port of its own takes `port`, of which 0 is none. Throws E_USAGE.
 */
export function parseBinds(port: number | undefined, bind: string): readonly AgentBind[] | undefined {
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65_535)) {
    throw new AppError("E_USAGE", `--agent-port: ${port} is not a port`);
  }
  const words = bind.split(",").flatMap((word) => word.trim() || []);
  const common = port === undefined || port === 0 ? undefined : port;
  const binds = words.flatMap((word) => parseBind(word, common) ?? []);
  if (port === undefined && words.length > 0 && binds.length === 0 && bind !== DEFAULT_BIND) {
    throw new AppError("E_USAGE", `--agent-bind ${bind} names no port`, {
      hint: "name the port with --agent-port, or behind the address: 10.0.0.5:9999",
    });
  }
  return port === 0 || binds.length === 0 ? undefined : binds;
}

function parseBind(word: string, port: number | undefined): AgentBind | undefined {
  const path = /^(?:unix[:@])?(\/.+)$/.exec(word)?.[1];
  if (path !== undefined) return { path: checkedPath(path) };
  const parts = /^(?:\[(?<ip6>[^\]]+)\]|(?<name>\*|[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(word)?.groups;
  const host = parts?.["ip6"] ?? parts?.["name"] ?? word;
  if (host !== EVERYWHERE && !isHost(host)) {
    throw new AppError("E_USAGE", `--agent-bind: "${word}" is no place to listen on`, { hint: HINT });
  }
  const own = parts?.["port"] === undefined ? port : Number(parts["port"]);
  if (own !== undefined && (own < 1 || own > 65_535)) {
    throw new AppError("E_USAGE", `--agent-bind: ${own} in "${word}" is not a port`);
  }
  return own === undefined ? undefined : { host, port: own };
}

function checkedPath(path: string): string {
  if (Buffer.byteLength(path) <= MOST_PATH_BYTES) return path;
  throw new AppError("E_USAGE", `--agent-bind: ${path} is longer than a socket's path may be`, {
    hint: `choose one of at most ${MOST_PATH_BYTES} bytes`,
  });
}
