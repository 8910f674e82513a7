import type { ServerRef } from "./difference.ts";
import type { Section } from "./section.ts";
import { isOn, type ServerLine } from "./server-line.ts";

/** The servers of a section, before and after, in file order. */
export interface Members {
  readonly before: readonly ServerLine[];
  readonly after: readonly ServerLine[];
}

/** Servers by name; a second one of a name has a key of its own, so that none is compared with the wrong one. */
export function byName(servers: readonly ServerLine[]): Map<string, ServerLine> {
  const found = new Map<string, ServerLine>();
  for (const server of servers) {
    let key = server.name;
    while (found.has(key)) key += " again";
    found.set(key, server);
  }
  return found;
}

/** Whether several servers of the old file or of the new have this name. */
export function isDoubled(name: string, { before, after }: Members): boolean {
  return [before, after].some((servers) => servers.filter((server) => server.name === name).length > 1);
}

/** Whether the servers that stay stand in the order they had. */
export function isInOrder({ before, after }: Members): boolean {
  const [then, now] = [byName(before), byName(after)];
  const kept = [...then.keys()].filter((key) => now.has(key));
  return kept.join("\n") === [...now.keys()].filter((key) => then.has(key)).join("\n");
}

/** Of several backup servers the first alone takes traffic: an added one stands last, so it must do so in the file. */
export function keepsBackupOrder({ before, after }: Members): boolean {
  const names = (servers: readonly ServerLine[]) =>
    servers.filter((one) => isOn(one, "backup")).map(({ name }) => name);
  const [then, now] = [names(before), names(after)];
  const kept = then.filter((name) => now.includes(name));
  return [...kept, ...now.filter((name) => !kept.includes(name))].join("\n") === now.join("\n");
}

/** Servers whose sessions now go to a place that is theirs no longer. */
export function replacedServers(section: Section, members: Members): ServerRef[] {
  const now = byName(members.after);
  return [...byName(members.before)]
    .filter(([key, server]) => server.name !== "" && !isAt(server, now.get(key)))
    .map(([, server]) => ({ backend: section.name, server: server.name }));
}

function isAt({ address, addressWord }: ServerLine, other: ServerLine | undefined): boolean {
  if (other === undefined) return false;
  const to = other.address;
  if (address.kind !== "literal" || to.kind !== "literal") return addressWord === other.addressWord;
  return address.ip === to.ip && address.port === to.port;
}
