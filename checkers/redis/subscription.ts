import type { Socket } from "node:net";
import type { Clock } from "../../src/core/clock.ts";
import { errorText } from "../../src/core/errors.ts";
import type { Target } from "../../src/core/targets.ts";
import { createBackoff } from "../../src/lib/backoff.ts";
import type { Access } from "./access.ts";
import { loginProblem, problemIn } from "./problem.ts";
import { readReplyStream } from "./reply-stream.ts";
import { encodeCommands, isReplyError, type Reply } from "./resp.ts";

/** Listens to one channel of one server, on a connection of its own: in RESP2 it can be asked nothing else. */
export interface Subscription {
  /**
   * Called each time that the server has answered elsewhere: listens if it does not yet, and finds out whether the
   * connection still carries anything. Never rejects.
   */
  keep(): Promise<void>;
  /** Safe to call twice. */
  close(): void;
}

/** Where to listen, and to whom it is told. */
export interface SubscriptionContext {
  readonly target: Target;
  readonly access: Access;
  readonly channel: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onMessage(payload: string): void;
  /** The server does not let us listen, and why. */
  onRefused(reason: string): void;
}

/** A server that has just answered elsewhere needs no longer than this for a pong. */
const LONGEST_SILENCE_MS = 2_000;

/** Between two pings: a connection that a firewall has forgotten would stay silent for ever. */
const PING_MS = 500;

const RETRY = { firstMs: 200, maxMs: 10_000 };

const PING = encodeCommands([["PING"]]);

/** Connects with the first {@link Subscription.keep}. */
export function createSubscription(context: SubscriptionContext): Subscription {
  const { clock, signal } = context;
  const backoff = createBackoff(RETRY);
  let line: Line | undefined;
  let opening = false;
  let closed = false;
  let retryMs = Number.NEGATIVE_INFINITY;

  function pauseTries(): void {
    retryMs = clock.monotonicMs() + backoff.next();
  }

  async function open(): Promise<void> {
    opening = true;
    try {
      const { connect, login } = await context.access.enter(signal);
      if (closed) return;
      const socket = connect({ host: context.target.host, port: context.target.port, noDelay: true, keepAlive: true });
      line = createLine(socket, {
        ...context,
        login,
        onSubscribed: () => backoff.reset(),
        onEnd(ended) {
          if (line !== ended) return;
          line = undefined;
          pauseTries();
        },
      });
    } catch (error) {
      pauseTries();
      if (!signal.aborted) context.onRefused(errorText(error));
    } finally {
      opening = false;
    }
  }

  return {
    async keep() {
      if (closed || opening) return;
      if (line !== undefined) line.ping();
      else if (clock.monotonicMs() >= retryMs) await open();
    },
    close() {
      closed = true;
      line?.close();
    },
  };
}

interface LineContext extends SubscriptionContext {
  readonly login: Buffer | undefined;
  onSubscribed(): void;
  onEnd(line: Line): void;
}

/** One connection of a subscription. */
interface Line {
  ping(): void;
  close(): void;
}

function createLine(socket: Socket, context: LineContext): Line {
  const { clock, channel, login } = context;
  /** Since when an answer is missing. */
  let waitingSinceMs: number | undefined = clock.monotonicMs();
  let answeredMs = waitingSinceMs;
  let wantsLogin = login !== undefined;
  let ended = false;

  function end(): void {
    if (ended) return;
    ended = true;
    socket.destroy();
    context.onEnd(line);
  }

  function receive(reply: Reply): void {
    if (ended) return;
    waitingSinceMs = undefined;
    answeredMs = clock.monotonicMs();
    const refusal = wantsLogin ? loginProblem(reply) : problemIn("SUBSCRIBE", reply);
    wantsLogin = false;
    if (refusal === undefined) takeMessage(reply, context);
    else {
      end();
      context.onRefused(refusal.reason);
    }
  }

  const line: Line = {
    ping() {
      const nowMs = clock.monotonicMs();
      if (waitingSinceMs === undefined) {
        if (nowMs - answeredMs < PING_MS) return;
        waitingSinceMs = nowMs;
        socket.write(PING);
      } else if (nowMs - waitingSinceMs > LONGEST_SILENCE_MS) end();
    },
    close: end,
  };
  readReplyStream(socket, { onReply: receive, onEnd: end });
  const subscribe = encodeCommands([["SUBSCRIBE", channel]]);
  socket.write(login === undefined ? subscribe : Buffer.concat([login, subscribe]));
  return line;
}

/** What a subscribed connection is sent: `subscribe`, channel, count; `message`, channel, payload; `pong`, text. */
function takeMessage(reply: Reply, context: LineContext): void {
  if (isReplyError(reply) || !Array.isArray(reply)) return;
  const [kind, , payload] = reply as readonly Reply[];
  if (kind === "subscribe") context.onSubscribed();
  if (kind === "message" && typeof payload === "string") context.onMessage(payload);
}
