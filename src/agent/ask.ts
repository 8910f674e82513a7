import { createConnection, type NetConnectOpts, type Socket } from "node:net";
import type { AgentEnd } from "../core/agent-effects.ts";
import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";

/** What an agent was asked, and when to give up. */
export interface AgentQuestion extends Call {
  readonly to: NetConnectOpts;
  /** Sent as it is, as HAProxy sends its `agent-send`; "" for nothing. */
  readonly send: string;
  /** From the connection's first moment to the end of the line. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What came of it. */
export interface AgentAnswer {
  /** All that came, a character for each byte. */
  readonly bytes: string;
  readonly end: AgentEnd;
  /** What the operating system said where it broke off or there was no connection, e.g. `ECONNREFUSED`. */
  readonly trouble: string | undefined;
  /** Undefined: there was no connection. */
  readonly connectMs: number | undefined;
  /** From the question's beginning to the end of the first line; undefined: there was none. */
  readonly lineMs: number | undefined;
  /** From the question's beginning to its end. */
  readonly totalMs: number;
}

/** So much is read: more than HAProxy does. */
const MOST_BYTES = 65_536;

/** How long is waited behind the first line, which is all that HAProxy reads, to tell what else would come. */
const BEHIND_MS = 200;

/**
 * Asks one agent once, as HAProxy does, and says what came; that there was no answer is one too. Rejects with the
 * signal's reason only.
 */
export function askAgent({ to, send, timeoutMs, clock, signal }: AgentQuestion): Promise<AgentAnswer> {
  const startMs = clock.monotonicMs();
  const since = () => clock.monotonicMs() - startMs;
  const waits = new AbortController();
  let bytes = "";
  let connectMs: number | undefined;
  let lineMs: number | undefined;

  function converse(socket: Socket, finish: (end: AgentEnd, error?: NodeJS.ErrnoException) => void): void {
    const finishAfter = (ms: number, end: () => AgentEnd) =>
      clock.sleep(ms, waits.signal).then(() => finish(end()), ignoreStopped);
    void finishAfter(timeoutMs, () => (connectMs === undefined ? "unreachable" : "late"));
    socket.setEncoding("latin1");
    socket.on("connect", () => {
      connectMs = since();
      if (send !== "") socket.write(send);
    });
    socket.on("data", (piece: string) => {
      bytes += piece;
      if (bytes.length > MOST_BYTES) finish("closed");
      if (lineMs !== undefined || !/[\r\n]/.test(piece)) return;
      lineMs = since();
      void finishAfter(BEHIND_MS, () => "closed");
    });
    socket.on("end", () => finish("closed"));
    socket.on("error", (error) => finish(connectMs === undefined ? "refused" : "reset", error));
  }

  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = createConnection(to);
    const leave = () => {
      waits.abort();
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
    };
    const onAbort = () => {
      leave();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    converse(socket, (end, error) => {
      leave();
      resolve({ bytes, end, trouble: error?.code ?? error?.message, connectMs, lineMs, totalMs: since() });
    });
  });
}

/** The wait was ended because the answer had come. */
function ignoreStopped(): void {}
