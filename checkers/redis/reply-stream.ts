import type { Socket } from "node:net";
import { parseReply, type Reply } from "./resp.ts";

/** Much more than a message about a failover is long. */
const MAX_PENDING_BYTES = 65_536;

/** Who hears of replies that come one after the other. */
export interface ReplyListener {
  onReply(reply: Reply): void;
  /** The connection has ended, or what came is no reply. May be called twice. */
  onEnd(): void;
}

/** Reads replies from a socket as they come, asked for or not. */
export function readReplyStream(socket: Socket, listener: ReplyListener): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on("error", () => listener.onEnd());
  socket.on("close", () => listener.onEnd());
  socket.on("data", (chunk: Buffer) => {
    try {
      pending = take(pending.length === 0 ? chunk : Buffer.concat([pending, chunk]), listener);
    } catch {
      // It is told by the end alone: a Sentinel that speaks no Redis is told of by whoever asks it.
      listener.onEnd();
    }
  });
}

/** Hands over each whole reply and returns what is left. Throws for bytes that are none. */
function take(bytes: Buffer, listener: ReplyListener): Buffer {
  let next = 0;
  for (let parsed = parseReply(bytes, next); parsed !== undefined; parsed = parseReply(bytes, next)) {
    next = parsed.next;
    listener.onReply(parsed.reply);
  }
  const rest = bytes.subarray(next);
  if (rest.length > MAX_PENDING_BYTES) throw new Error("a reply without an end");
  return rest;
}
