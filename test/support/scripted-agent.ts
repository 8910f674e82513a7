import { createServer, type ListenOptions, type Socket } from "node:net";
import { eventually } from "./eventually.ts";
import { loopbackPrefix } from "./loopback.ts";
import { releaseLater } from "./releases.ts";

/** What a question is answered with: these bytes and a close, or as said. */
export type ScriptedAnswer =
  | string
  | {
      /** One after another; each goes out by itself. */
      readonly pieces: readonly string[];
      /** What comes behind the last one: the end, by default; nothing at all; a reset. */
      readonly end?: "close" | "hold" | "reset";
    };

/** An agent that answers what it is told, for what no agent of ours would ever say. */
export interface ScriptedAgent {
  readonly address: string;
  readonly port: number;
  /** `address:port` */
  readonly server: string;
  /** The answer from now on: to everybody, or to those only who send these words. */
  say(answer: ScriptedAnswer, words?: string): void;
  /** What was sent, in the order in which it came; "" of those who send nothing and are answered at once. */
  readonly questions: readonly string[];
  /** Resolves when it was asked so often from now on: by anybody, or with these words. */
  asked(times: number, words?: string): Promise<void>;
  /** Refuses connections until {@link ScriptedAgent.listen}. */
  close(): Promise<void>;
  listen(): Promise<void>;
}

/** How an agent listens. */
export interface ScriptedAgentOptions {
  readonly address?: string;
  readonly port?: number;
  /** A unix socket in place of an address. */
  readonly path?: string;
  /** It answers when a whole line was sent to it (HAProxy's `agent-send`), and not on sight. */
  readonly awaitsWords?: boolean;
  /** It takes its time. */
  readonly answersAfterMs?: number;
}

const PORT = 21_900;

/** Says "no opinion" until it is told what to say; ends with the test. */
export async function startScriptedAgent(options: ScriptedAgentOptions = {}): Promise<ScriptedAgent> {
  const address = options.address ?? `${await loopbackPrefix()}.2`;
  const { port = PORT, answersAfterMs = 0 } = options;
  const answers = new Map<string, ScriptedAnswer>();
  const questions: string[] = [];
  const open = new Set<Socket>();
  let byDefault: ScriptedAnswer = "\n";

  function answerTo(socket: Socket, words: string): void {
    questions.push(words);
    const sendIt = () => void send(socket, answers.get(words) ?? byDefault);
    if (answersAfterMs === 0) sendIt();
    else setTimeout(sendIt, answersAfterMs);
  }

  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // Whoever asks may go at any time.
    socket.on("error", () => socket.destroy());
    let received = "";
    socket.on("data", (data) => {
      received += data.toString("latin1");
      if (options.awaitsWords !== true || !received.includes("\n")) return;
      answerTo(socket, received.slice(0, received.indexOf("\n")));
      received = "";
    });
    if (options.awaitsWords !== true) answerTo(socket, "");
  });
  const where: ListenOptions = options.path === undefined ? { host: address, port } : { path: options.path };
  const listen = () => new Promise<void>((resolve) => server.listen(where, resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  await listen();
  releaseLater("scripted agent", close);
  const count = (words: string | undefined) =>
    words === undefined ? questions.length : questions.filter((asked) => asked === words).length;
  return {
    address,
    port,
    server: `${address}:${port}`,
    questions,
    say(answer, words) {
      if (words === undefined) byDefault = answer;
      else answers.set(words, answer);
    },
    async asked(times, words) {
      const before = count(words);
      await eventually(`the agent was asked ${times} times`, () => count(words) >= before + times);
    },
    close,
    listen,
  };
}

async function send(socket: Socket, answer: ScriptedAnswer): Promise<void> {
  const { pieces, end = "close" } = typeof answer === "string" ? { pieces: [answer] } : answer;
  for (const piece of pieces) {
    // A turn of the event loop between two pieces: each is a packet of its own.
    await new Promise((resolve) => socket.write(Buffer.from(piece, "latin1"), () => setImmediate(resolve)));
  }
  if (end === "close") socket.end();
  if (end === "reset") socket.resetAndDestroy();
}
