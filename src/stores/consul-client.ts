import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { targetName } from "../core/targets.ts";
import { withDeadline } from "../lib/deadline.ts";
import { createTurns, type Turns } from "../lib/turns.ts";
import { connectionError, neverArrived, neverDone, replyError } from "./consul-errors.ts";
import type { TokenSource } from "./consul-token.ts";
import type { Address, HttpReply, HttpRequest, Transport } from "./consul-transport.ts";

/** A request to Consul, wherever it is answered. */
export interface ConsulRequest extends Omit<HttpRequest, "token"> {
  /** Ask only the address in use: what is asked means nothing to another one. */
  readonly pinned?: boolean;
  /** A status that is an answer to this request, and no error. */
  readonly refusal?: number;
}

/** Every request's call: the bound is always known here. */
export type BoundedCall = Call & { readonly timeoutMs: number };

/** Consul at one of several addresses: stays with the one that works, goes on to the next when it does not. */
export interface ConsulClient {
  /** How many addresses there are. */
  readonly addresses: number;
  /**
   * The answer with status 200, 404 or `request.refusal` of the first address that gives one; `call.timeoutMs` is shared by
   * all of them. Throws E_STORE_*: when every address failed, an error that names each.
   */
  send(request: ConsulRequest, call: BoundedCall): Promise<HttpReply>;
  close(): void;
}

/** What the client is made of. */
export interface ClientParts {
  readonly addresses: readonly Address[];
  readonly transport: Transport;
  readonly token: TokenSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Consul takes at most 200 connections from one client (`limits.http_max_conns_per_client`), and closes the others. */
const MOST_AT_ONCE = 64;

/** Creates a client that begins with the first address. */
export function createConsulClient(parts: ClientParts): ConsulClient {
  const { addresses, clock, logger } = parts;
  const turns = createTurns(MOST_AT_ONCE);
  let current = 0;
  let closed = false;

  const leave = (index: number, error: unknown): void => {
    // Another request may have moved on already.
    if (current !== index || addresses.length === 1) return;
    current = (current + 1) % addresses.length;
    logger.warn("going on to the next Consul address", { target: nameOf(addresses, current), err: errorText(error) });
  };

  return {
    addresses: addresses.length,
    async send(request, call) {
      const tries = request.pinned === true ? 1 : addresses.length;
      const endMs = clock.monotonicMs() + call.timeoutMs;
      const failures: AppError[] = [];
      for (let left = tries; left > 0; left--) {
        if (closed) throw new AppError("E_STORE_UNREACHABLE", "the store is closed");
        const index = current;
        const timeoutMs = Math.max(1, (endMs - clock.monotonicMs()) / left);
        const outcome = await askOne({ ...parts, turns }, index, request, { signal: call.signal, timeoutMs });
        if ("reply" in outcome) return outcome.reply;
        failures.push(outcome.error);
        if (!outcome.elsewhere) break;
        leave(index, outcome.error);
      }
      throw closed ? new AppError("E_STORE_UNREACHABLE", "the store was closed meanwhile") : summary(failures);
    },
    close() {
      closed = true;
      parts.transport.close();
    },
  };
}

type AskParts = ClientParts & { readonly turns: Turns };

type Outcome = { readonly reply: HttpReply } | { readonly error: AppError; readonly elsewhere: boolean };

/** One address's answer, or why there is none and whether another address may be asked. Throws only the abort. */
async function askOne(parts: AskParts, index: number, request: ConsulRequest, call: BoundedCall): Promise<Outcome> {
  const address = parts.addresses[index] as Address;
  const askNow = (signal: AbortSignal) =>
    parts.transport.ask(address, { ...request, token: parts.token.current() }, signal);
  // A query that waits is one of few, and would keep the others from their turn.
  const askInTurn = (signal: AbortSignal) => (request.pinned ? askNow(signal) : parts.turns.take(() => askNow(signal)));
  const ask = () => withDeadline(`Consul at ${targetName(address)}`, call.timeoutMs, call.signal, askInTurn);
  try {
    let reply = await ask();
    if (reply.status === 403 && parts.token.refresh()) reply = await ask();
    if (reply.status === request.refusal) return { reply };
    const error = replyError(address, reply);
    if (error === undefined) return { reply };
    return { error, elsewhere: neverDone(reply) || (request.repeatable && reply.status >= 500) };
  } catch (error) {
    if (call.signal.aborted) throw call.signal.reason;
    return { error: connectionError(address, error), elsewhere: request.repeatable || neverArrived(error) };
  }
}

function summary(failures: readonly AppError[]): AppError {
  const last = failures.at(-1) as AppError;
  if (failures.length === 1) return last;
  const leaderless = failures.find((error) => error.code === "E_STORE_NO_LEADER");
  const text = failures.map(errorText).join("; ");
  const { hint } = leaderless ?? last;
  const code = leaderless?.code ?? last.code;
  return new AppError(code, `no Consul address gave an answer: ${text}`, hint === undefined ? {} : { hint });
}

function nameOf(addresses: readonly Address[], index: number): string {
  const address = addresses[index];
  return address === undefined ? "" : targetName(address);
}
