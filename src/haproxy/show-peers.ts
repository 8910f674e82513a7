import { quoteReply, RuntimeError } from "./runtime-error.ts";

/** One `peers` section of a running HAProxy. */
export interface PeersGroup {
  /** The section's. */
  readonly name: string;
  readonly isDisabled: boolean;
  /** In HAProxy's order. */
  readonly peers: readonly ShownPeer[];
  /** The stick tables that they share. */
  readonly tables: readonly string[];
}

/** One peer, as the HAProxy that is asked sees it. */
export interface ShownPeer {
  readonly name: string;
  /** It is this HAProxy itself. */
  readonly isLocal: boolean;
  /** `host:port`, as HAProxy has resolved it. */
  readonly address: string;
  /** They are in a session in which rows come and go; never so of the local one. */
  readonly isConnected: boolean;
  /** How their last attempt to connect went: `ESTA`, `CONN`, `NAME` … */
  readonly lastStatus: string;
}

/**
 * Reads the answer to `show peers` (`peers_dump_head` and `peers_dump_peer` in src/peers.c; the same lines in 2.6.12 and
 * 3.0.11, which has `app_state=` and `learn_state=` besides). A section without the local peer is not in it: HAProxy
 * drops it when it starts. `name` is the socket's, for the message.
 */
export function parsePeers(text: string, name: string): readonly PeersGroup[] {
  const blocks = text.split(/^(?=0x)/m).filter((block) => block.trim() !== "");
  return blocks.map((block) => readGroup(block, name));
}

function readGroup(block: string, name: string): PeersGroup {
  const [head = "", ...peers] = block.split(/^ {2}(?=0x)/m);
  const match = /^0x[0-9a-f]+: \[[^\]]*\] id=(\S+) disabled=(\d+)/.exec(head);
  if (match === null) throw unreadable(head, name);
  const tables = [...block.matchAll(/^ +table:0x[0-9a-f]+ id=(\S+)/gm)].map(([, table = ""]) => table);
  return {
    name: match[1] ?? "",
    isDisabled: match[2] !== "0",
    peers: peers.map((peer) => readPeer(peer, name)),
    tables: [...new Set(tables)],
  };
}

function readPeer(block: string, name: string): ShownPeer {
  const [line = ""] = block.split("\n");
  const match = /^0x[0-9a-f]+: id=(\S+)\((local|remote),(active|inactive)\) addr=(\S+) (?:.* )?last_status=(\w+)/.exec(
    line,
  );
  if (match === null) throw unreadable(line, name);
  const [, id = "", place, activity, address = "", lastStatus = ""] = match;
  // "active" is also one that is still trying: only the state of its connection tells.
  const isEstablished = / appctx:0x[0-9a-f]+ .*\bstate=EST\b/.test(block);
  return {
    name: id,
    isLocal: place === "local",
    address,
    isConnected: activity === "active" && lastStatus === "ESTA" && isEstablished,
    lastStatus,
  };
}

function unreadable(line: string, name: string): RuntimeError {
  return new RuntimeError(
    "strange",
    `HAProxy at ${name}: "show peers" has a line nobody can read: ${quoteReply(line)}`,
  );
}

/** What a status of a peer that is not connected means (`statuscode_str` in src/peers.c). */
const STATUSES: Readonly<Record<string, string>> = {
  CONN: "no connection comes about",
  HSHK: "it is connected, and does not say hello",
  ESTA: "the connection was lost, and is being made again",
  RETR: "it has another connection with this one, and asks to try again",
  PROT: "it speaks something else",
  VERS: "it speaks another version of the peers protocol",
  NAME: "it says that it has another name",
  UNKN: "it does not know this HAProxy's name",
  NONE: "nobody has tried yet",
};

/** Why a peer is not connected, in words. */
export function explainStatus(status: string): string {
  return STATUSES[status] ?? `status ${status}`;
}
