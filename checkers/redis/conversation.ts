import { errorText } from "../../src/core/errors.ts";
import type { Target } from "../../src/core/targets.ts";
import { createKeptSocket } from "../../src/lib/kept-socket.ts";
import type { Access, Entrance } from "./access.ts";
import { loginProblem, type Problem, tlsProblem, unaskedProblem } from "./problem.ts";
import { parseReply, type Reply } from "./resp.ts";

/** What came of a question. */
export type Answer = { readonly replies: readonly Reply[] } | { readonly problem: Problem };

/** Commands, ready to be sent, and how many replies they have. */
export interface Question {
  readonly bytes: Buffer;
  readonly replies: number;
}

/** Asks one server again and again, over a connection that is kept and logs in anew whenever it is made anew. */
export interface Conversation {
  /**
   * A problem is what the server, or getting into it, says; a connection that cannot be made or is lost, and
   * bytes that are no replies, reject. One question at a time.
   */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  /** The address it is connected to, whatever name it was given. */
  readonly remoteAddress: string | undefined;
  /** Safe to call twice; nothing is asked afterwards. */
  close(): void;
}

/** Sentinel's lists of replicas are the longest answers: some 1,200 bytes for each. */
const MAX_ANSWER_BYTES = 1_048_576;

/** Connects with the first question. `onLost` hears of the end of the connection while nothing is asked. */
export function createConversation(target: Target, access: Access, onLost: (reason: string) => void): Conversation {
  let entrance: Entrance | undefined;
  let closed = false;
  const socket = createKeptSocket({
    host: target.host,
    port: target.port,
    maxBytes: MAX_ANSWER_BYTES,
    connect: (options) => {
      if (entrance === undefined) throw new Error("connected before it was known how");
      return entrance.connect(options);
    },
    onLost,
  });

  async function exchange(question: Question, login: Buffer | undefined, signal: AbortSignal): Promise<Answer> {
    const request = login === undefined ? question.bytes : Buffer.concat([login, question.bytes]);
    const read = readReplies(question.replies + (login === undefined ? 0 : 1));
    const replies = await socket.exchange(request, read, signal);
    const problem = unaskedProblem(replies[0]) ?? (login === undefined ? undefined : loginProblem(replies[0]));
    if (problem === undefined) return { replies: login === undefined ? replies : replies.slice(1) };
    // The next try has to log in once more, perhaps with a password that was put right.
    socket.close();
    return { problem };
  }

  async function connectAndAsk(question: Question, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    try {
      entrance = await access.enter(signal);
    } catch (error) {
      signal.throwIfAborted();
      return { problem: { state: "unknown", reason: error instanceof Error ? error.message : errorText(error) } };
    }
    signal.throwIfAborted();
    if (closed) throw new Error("the connection was closed by this side");
    return exchange(question, entrance.login, signal);
  }

  return {
    async ask(question, signal) {
      try {
        return await (socket.connected ? exchange(question, undefined, signal) : connectAndAsk(question, signal));
      } catch (error) {
        const problem = tlsProblem(error);
        if (problem === undefined) throw error;
        return { problem };
      }
    },
    get remoteAddress() {
      return socket.remoteAddress;
    },
    close() {
      closed = true;
      socket.close();
    },
  };
}

/** Undefined until all are whole; a server that refuses the connection sends only one. */
function readReplies(count: number): (received: Buffer) => readonly Reply[] | undefined {
  return (received) => {
    const replies: Reply[] = [];
    let next = 0;
    while (replies.length < count) {
      const parsed = parseReply(received, next);
      if (parsed === undefined) return unaskedProblem(replies[0]) === undefined ? undefined : replies;
      replies.push(parsed.reply);
      next = parsed.next;
    }
    if (next < received.length) throw new Error("it answers more than it was asked");
    return replies;
  };
}
