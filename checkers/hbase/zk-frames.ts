import { decode, encode } from "./jute.ts";

/** What is asked of a znode; the server tells once when that changes (ZooKeeper, "ZooKeeper Watches"). */
export interface ZkQuestion {
  readonly what: "exists" | "children" | "data";
  readonly path: string;
}

/** Children for `children`, data for `data`; undefined: there is no such znode. */
export interface ZkReply {
  readonly children?: readonly string[];
  readonly data?: Buffer;
  readonly isThere: boolean;
}

/** Operation codes (ZooKeeper, ZooDefs.OpCode). */
const OPCODE = { exists: 3, data: 4, children: 8, close: -11 } as const;

/** Error codes (ZooKeeper, KeeperException.Code). */
const ERROR = { ok: 0, noNode: -101 } as const;
const ERROR_WORDS: Readonly<Record<number, string>> = {
  [-4]: "ZooKeeper lost its connection",
  [-102]: "ZooKeeper lets not everybody read it",
  [-112]: "the ZooKeeper session has expired",
  [-115]: "ZooKeeper does not accept our login",
  [-118]: "the ZooKeeper session has moved",
};

/** Of what the server tells by itself. */
const XID_EVENT = -1;

/** What keeps a session alive is each question; a server lets go of one that asks less often, ms. */
const SESSION_MS = 30_000;

/** A new session: nothing of ours has to outlive a connection. */
export function connectFrame(): Buffer {
  return frame(encode(0, 0n, SESSION_MS, 0n, Buffer.alloc(16), false));
}

/** Asks, and has the server tell of the next change. */
export function questionFrame(xid: number, { what, path }: ZkQuestion): Buffer {
  return frame(encode(xid, OPCODE[what], path, true));
}

/** Says farewell, so that the server need not wait for us. */
export function closeFrame(xid: number): Buffer {
  return frame(encode(xid, OPCODE.close));
}

/** Whether a frame is news that nobody asked for. */
export function isEvent(body: Buffer): boolean {
  return body.length >= 4 && body.readInt32BE() === XID_EVENT;
}

/** Reads the answer to a question. Throws an Error in words, also for one that answers something else. */
export function readReply(body: Buffer, xid: number, { what, path }: ZkQuestion): ZkReply {
  const from = decode(body);
  if (from.int() !== xid) throw new Error("ZooKeeper answers something that was not asked");
  from.skip(8);
  const error = from.int();
  if (error === ERROR.noNode) return { isThere: false };
  if (error !== ERROR.ok) throw new Error(`${ERROR_WORDS[error] ?? `ZooKeeper answers with error ${error}`} (${path})`);
  if (what === "children") return { isThere: true, children: from.strings() };
  if (what === "data") return { isThere: true, data: Buffer.from(from.buffer() ?? Buffer.alloc(0)) };
  return { isThere: true };
}

/** Throws an Error when the server does not take us. */
export function readWelcome(body: Buffer): void {
  const from = decode(body);
  from.int();
  if (from.int() <= 0) throw new Error("ZooKeeper gives us no session");
}

function frame(body: Buffer): Buffer {
  return Buffer.concat([encode(body.length), body]);
}
