import { isIP, SocketAddress } from "node:net";
import { type Target, targetName } from "../../src/core/targets.ts";

/**
 * One spelling of a host, so that what Sentinel calls it can be compared with what the user does: names in small
 * letters, IPv6 shortened, an IPv4 address inside IPv6 as such.
 */
export function plainHost(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIP(host) === 6) return new SocketAddress({ address: host, family: "ipv6" }).address;
  return host.toLowerCase();
}

/** {@link targetName} in one spelling. */
export function plainName({ host, port }: Target): string {
  return targetName({ host: plainHost(host), port });
}

/**
 * Whether the server that Sentinel names is the one we are connected to. `perhaps` when one is a host name and the
 * other an address, and the address that the name led to does not settle it.
 */
export function isSameServer(
  named: Target,
  target: Target,
  remoteAddress: string | undefined,
): "same" | "other" | "perhaps" {
  if (plainName(named) === plainName(target)) return "same";
  if (named.port !== target.port) return "other";
  const hosts = [named.host, target.host];
  if (hosts.every((host) => isIP(host) !== 0)) return "other";
  if (isIP(named.host) === 0) return isIP(target.host) === 0 ? "other" : "perhaps";
  if (remoteAddress === undefined) return "perhaps";
  return plainHost(remoteAddress) === plainHost(named.host) ? "same" : "other";
}
