import type { Clock } from "../../src/core/clock.ts";
import { errorText } from "../../src/core/errors.ts";
import { liveServer, parseGroup, type ServerId } from "./group.ts";
import type { ZkReply } from "./zk-frames.ts";

/** The servers of a group, with a remark where they come from if not from its znode now; or in words why none are known. */
export type Group = { readonly servers: readonly ServerId[]; readonly remark?: string } | { readonly problem: string };

/** HBase's own group for all that is in no other: its tables are there, `hbase:meta` too unless somebody moved it. */
export const DEFAULT_GROUP = "default";

/**
 * HBase makes a group's znode empty and fills it in a second step: so long what was read before still counts, ms. It
 * is longer than HBase's master takes for that, and a group that has servers cannot be deleted at all.
 */
const KEPT_MS = 30_000;

/** Reads the group again and again; remembers its last good reading. */
export function createGroupReader(name: string, clock: Clock): (reply: ZkReply) => Group {
  let last: { readonly servers: readonly ServerId[]; readonly readMs: number } | undefined;
  return (reply) => {
    const found = readGroup(reply);
    if ("servers" in found) {
      last = { servers: found.servers, readMs: clock.monotonicMs() };
      return found;
    }
    if (last === undefined || clock.monotonicMs() - last.readMs > KEPT_MS) {
      return { problem: `group ${name}: ${found.problem}` };
    }
    return { servers: last.servers, remark: `as read before, for now ${found.problem}` };
  };
}

/**
 * HBase 3 keeps no znode for default: its servers are those that live and are in none of the `others`, by name
 * (HBase, RSGroupInfoManagerImpl.getDefaultServers).
 */
export function defaultOf(children: readonly string[], others: ReadonlyMap<string, ZkReply>): Group {
  const elsewhere = new Set<ServerId>();
  for (const [name, reply] of others) {
    // It was deleted a moment ago, or is new: it has no servers.
    if (!reply.isThere || reply.data?.length === 0) continue;
    const group = readGroup(reply);
    if ("problem" in group) return { problem: `group ${DEFAULT_GROUP}: of group ${name} ${group.problem}` };
    for (const server of group.servers) elsewhere.add(server);
  }
  const servers = children.flatMap((child) => liveServer(child) ?? []).filter((server) => !elsewhere.has(server));
  return { servers, remark: "all that are in no group" };
}

function readGroup({ isThere, data }: ZkReply): Group {
  if (!isThere || data === undefined) return { problem: "there is no such group" };
  try {
    const servers = parseGroup(data);
    return servers === undefined ? { problem: "its znode is empty" } : { servers };
  } catch (error) {
    return { problem: `its znode cannot be read: ${errorText(error)}` };
  }
}
