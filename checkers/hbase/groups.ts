import type { Clock } from "../../src/core/clock.ts";
import { errorText } from "../../src/core/errors.ts";
import { parseGroup, type ServerId } from "./group.ts";
import type { ZkReply } from "./zk-frames.ts";

/** The servers of a group, or in words why they are not known. */
export type Group = { readonly servers: readonly ServerId[] } | { readonly problem: string };

/** HBase deletes a group's znode and makes it anew when it changes it: so long what was read before still counts, ms. */
const KEPT_MS = 30_000;

/** Reads the group again and again; remembers its last good reading. */
export function createGroupReader(name: string, clock: Clock): (reply: ZkReply) => Group {
  let last: { readonly servers: readonly ServerId[]; readonly readMs: number } | undefined;
  return (reply) => {
    const found = read(reply);
    if ("servers" in found) {
      last = { servers: found.servers, readMs: clock.monotonicMs() };
      return found;
    }
    const isKept = last !== undefined && clock.monotonicMs() - last.readMs <= KEPT_MS;
    return isKept && last !== undefined ? { servers: last.servers } : { problem: `group ${name}: ${found.problem}` };
  };
}

function read({ isThere, data }: ZkReply): Group {
  if (!isThere || data === undefined) return { problem: "there is no such group" };
  try {
    const servers = parseGroup(data);
    return servers === undefined ? { problem: "it is empty" } : { servers };
  } catch (error) {
    return { problem: `its znode cannot be read: ${errorText(error)}` };
  }
}
