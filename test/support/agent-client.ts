import { connect, type NetConnectOpts, type Socket } from "node:net";
import { eventually } from "./eventually.ts";
import { releaseLater } from "./releases.ts";

/** A client of an agent port that does what it is told, also what no HAProxy would. It ends with the test. */
export interface AgentClient {
  readonly socket: Socket;
  /** All that came so far, a character for each byte. */
  readonly bytes: string;
  /** The other side has ended the connection in an orderly way. */
  readonly ended: boolean;
  /** The connection was broken off: by a reset, as a rule. */
  readonly broken: boolean;
  /** Waits for the end, whichever way it comes, and returns what came before it. */
  answer(): Promise<string>;
}

/** Connects, and returns when there is a connection. It keeps its own side open until it is told otherwise. */
export async function connectClient(to: NetConnectOpts): Promise<AgentClient> {
  const socket = connect({ ...to, allowHalfOpen: true });
  let bytes = "";
  let ended = false;
  let broken = false;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.toString("latin1");
  });
  socket.on("end", () => {
    ended = true;
  });
  socket.on("error", () => {
    broken = true;
  });
  releaseLater("agent client", () => void socket.destroy());
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return {
    socket,
    get bytes() {
      return bytes;
    },
    get ended() {
      return ended;
    },
    get broken() {
      return broken;
    },
    async answer() {
      await eventually("the answer has come", () => ended || broken);
      return bytes;
    },
  };
}

/** Asks once as HAProxy does: sends its words, reads to the end and closes. */
export async function askOnce(to: NetConnectOpts, words: string): Promise<string> {
  const client = await connectClient(to);
  if (words !== "") client.socket.write(words, "latin1");
  const answer = await client.answer();
  client.socket.destroy();
  return answer;
}
