import type { GroupStatus, ServerStatus } from "../../../src/core/status.ts";

/** A server of a tag: up and not published unless said otherwise. */
export function serverStatus(name: string, more: Partial<ServerStatus> = {}): ServerStatus {
  return { name, health: "up", reason: "set and get work", published: false, ...more };
}

/** A tag in good order, `10.0.0.1:11211` published of two, unless said otherwise. */
export function groupStatus(more: Partial<GroupStatus> = {}): GroupStatus {
  return {
    kind: "memcached",
    tag: "mem11211",
    publishes: true,
    published: ["10.0.0.1:11211"],
    orders: [],
    leader: undefined,
    storeReadable: true,
    servers: [serverStatus("10.0.0.1:11211", { published: true }), serverStatus("10.0.0.2:11211")],
    exclusive: false,
    split: false,
    counters: { rounds: 3, lateRounds: 1, probes: 12, failedProbes: 3, writes: 2, lostWrites: 1, splits: 0 },
    ...more,
  };
}

/** So many tags of two servers each, all in good order. */
export function manyGroups(count: number): readonly GroupStatus[] {
  return Array.from({ length: count }, (_, i) => {
    const names = [`10.0.${i >> 8}.${i & 255}:11211`, `10.1.${i >> 8}.${i & 255}:11211`] as const;
    const servers = [serverStatus(names[0], { published: true }), serverStatus(names[1])];
    return groupStatus({ tag: `mem${i}`, published: [names[0]], servers });
  });
}
