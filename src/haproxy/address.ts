import { isIPv4, isIPv6 } from "node:net";

/** Where a `server` line points. */
export type Address =
  | { readonly kind: "literal"; readonly ip: string; readonly port: number }
  | { readonly kind: "name"; readonly name: string; readonly port: number }
  /** A socket, a port that depends on the client's, an address family in front, a variable … */
  | { readonly kind: "other" };

const OTHER: Address = { kind: "other" };

/** Reads the address of a `server` line: `10.0.0.1:80`, `[::1]:80` or `name:80`, the port from 1 to 65535. */
export function readAddress(word: string): Address {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):([1-9]\d{0,4})$/.exec(word);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return OTHER;
  const ip = canonicalIp(match[1] ?? match[2] ?? "");
  if (ip !== undefined) return isIPv6(ip) === (match[1] !== undefined) ? { kind: "literal", ip, port } : OTHER;
  const name = match[2] ?? "";
  return /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name) && /[A-Za-z]/.test(name) ? { kind: "name", name, port } : OTHER;
}

/** An IP literal as `inet_ntop` writes it and HAProxy shows it; undefined for all else, and for "any address". */
export function canonicalIp(text: string): string | undefined {
  if (isIPv4(text)) return text === "0.0.0.0" ? undefined : text;
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const ip = writeIpv6(groupsOf(text));
  return ip === "::" ? undefined : ip;
}

/** The eight numbers of an IPv6 address that is known to be one. */
function groupsOf(text: string): number[] {
  const hex = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = hex.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}

/** As glibc does: the first longest run of two zeros or more is `::`; an IPv4 address within is in dots. */
function writeIpv6(groups: readonly number[]): string {
  const run = longestZeros(groups);
  const hasIpv4 = run.start === 0 && (run.length === 6 || (run.length === 5 && groups[5] === 0xffff));
  const words = groups.map((group) => group.toString(16));
  if (hasIpv4) {
    const [high = 0, low = 0] = groups.slice(6);
    words.splice(6, 2, `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
  }
  if (run.length < 2) return words.join(":");
  return `${words.slice(0, run.start).join(":")}::${words.slice(run.start + run.length).join(":")}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
    if (end > start) start = end;
  }
  return best;
}
