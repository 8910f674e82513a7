import { isHost } from "./entry.ts";
import { AppError } from "./errors.ts";

/** One server that may be probed. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Published only while none of the others is healthy: the master of replicas. */
  readonly lastResort?: boolean;
}

/** The one spelling of a target in logs, keys of maps and messages; an IPv6 host gets its brackets. */
export function targetName(target: Target): string {
  return target.host.includes(":") ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

/**
 * Reads `h:p,h:p` in order of preference; an IPv6 address stands in brackets. Throws E_USAGE that names
 * `what` (the flag or key it came from) for anything else, and for a server named twice.
 */
export function parseTargets(text: string, what: string): readonly Target[] {
  const seen = new Set<string>();
  return text.split(",").map((word) => {
    const target = parseTarget(word.trim(), what);
    const name = targetName(target);
    if (seen.has(name)) throw new AppError("E_USAGE", `${what}: ${name} is named twice`);
    seen.add(name);
    return target;
  });
}

function parseTarget(word: string, what: string): Target {
  const parts = /^(?:\[(?<ip6>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(word)?.groups;
  const host = parts?.["ip6"] ?? parts?.["name"];
  const port = Number(parts?.["port"]);
  if (host === undefined || !isHost(host) || port < 1 || port > 65_535) {
    throw new AppError("E_USAGE", `${what}: "${word}" is not a server`, {
      hint: "write host:port, several with commas between them, an IPv6 address in brackets: [::1]:11211",
    });
  }
  return { host, port };
}
