import { createConnection, type Socket } from "node:net";
import type { Target } from "../../src/core/targets.ts";
import {
  closeFrame,
  connectFrame,
  isEvent,
  questionFrame,
  readReply,
  readWelcome,
  type ZkQuestion,
  type ZkReply,
} from "./zk-frames.ts";

/** A session with one member of a ZooKeeper quorum, as long as its connection. */
export interface ZkLink {
  /**
   * Asks all of it at once. Rejects when the connection cannot be made or is lost, when the answer makes no sense, and
   * with the signal's reason; the link is over then. One round of questions at a time.
   */
  ask(questions: readonly ZkQuestion[], signal: AbortSignal): Promise<readonly ZkReply[]>;
  readonly isOver: boolean;
  /** Says farewell; safe to call twice. `onLost` is not called. */
  close(): void;
}

/** Whom a link tells. */
export interface ZkListener {
  /** Something that was asked about has changed. */
  onChange(): void;
  /** The connection ended while nothing was asked. */
  onLost(reason: string): void;
}

/** A list of all region servers of a large cluster has some 100 KB. */
const MAX_FRAME_BYTES = 8 * 1_048_576;

interface Round {
  take(body: Buffer): boolean;
  fail(error: unknown): void;
}

/** Begins to connect. */
export function openLink({ host, port }: Target, listener: ZkListener): ZkLink {
  const socket = createConnection({ host, port, noDelay: true, keepAlive: true });
  let round: Round | undefined;
  let isOver = false;
  let isWelcome = false;
  let nextXid = 1;

  function end(error: unknown): void {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    if (round === undefined) listener.onLost(error instanceof Error ? error.message : String(error));
    else round.fail(error);
  }

  function receive(body: Buffer): void {
    if (!isWelcome) {
      readWelcome(body);
      isWelcome = true;
    } else if (isEvent(body)) {
      listener.onChange();
    } else if (round === undefined) {
      throw new Error("ZooKeeper answers what nobody asked");
    } else if (round.take(body)) {
      round = undefined;
    }
  }

  eachFrame(socket, receive, end);
  socket.on("error", end);
  socket.on("end", () => end(new Error("ZooKeeper closed the connection")));
  socket.on("close", () => end(new Error("the connection to ZooKeeper was closed")));
  socket.write(connectFrame());

  return {
    ask: (questions, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const firstXid = nextXid;
        nextXid += questions.length;
        const replies: ZkReply[] = [];
        const onAbort = () => end(signal.reason);
        const settled = () => signal.removeEventListener("abort", onAbort);
        signal.addEventListener("abort", onAbort, { once: true });
        round = {
          take(body) {
            const question = questions[replies.length];
            if (question === undefined) throw new Error("ZooKeeper answers more than was asked");
            replies.push(readReply(body, firstXid + replies.length, question));
            if (replies.length < questions.length) return false;
            settled();
            resolve(replies);
            return true;
          },
          fail(error) {
            round = undefined;
            settled();
            reject(error);
          },
        };
        if (isOver) round.fail(new Error("the connection to ZooKeeper was closed"));
        else socket.write(Buffer.concat(questions.map((question, at) => questionFrame(firstXid + at, question))));
      }),
    get isOver() {
      return isOver;
    },
    close() {
      if (isOver) return;
      if (round !== undefined) {
        end(new Error("the connection was closed by this side"));
        return;
      }
      isOver = true;
      if (isWelcome) socket.write(closeFrame(nextXid));
      // Also when the other side hangs and never closes its end.
      socket.destroySoon();
    },
  };
}

/** Cuts what comes into frames; what `receive` throws, and a frame that is far too long, ends it. */
function eachFrame(socket: Socket, receive: (body: Buffer) => void, end: (error: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    try {
      while (rest.length >= 4) {
        const length = rest.readInt32BE();
        if (length < 0 || length > MAX_FRAME_BYTES) throw new Error("it does not answer in ZooKeeper's protocol");
        if (rest.length < 4 + length) return;
        receive(rest.subarray(4, 4 + length));
        rest = rest.subarray(4 + length);
      }
    } catch (error) {
      end(error);
    }
  });
}
