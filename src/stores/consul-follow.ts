import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { ConsulClient } from "./consul-client.ts";
import type { Decoded, Decoder } from "./consul-decode.ts";
import type { PrefixReader, PrefixReply } from "./consul-prefix.ts";
import type { ConsulTiming } from "./consul-timing.ts";

/** What following a prefix needs. */
export interface FollowParts {
  readonly client: ConsulClient;
  readonly prefixes: PrefixReader;
  readonly timing: ConsulTiming;
  readonly clock: Clock;
}

/** One answer of Consul's, read. */
export interface Answer {
  readonly decoded: Decoded;
  readonly bytes: number;
  readonly parseMs: number;
}

/**
 * Every answer about a prefix: the present one first, then one whenever Consul has news or the wait is over, whether
 * anything changed or not. Ends by throwing, the signal's reason or E_STORE_*. `call.timeoutMs` bounds each request.
 */
export async function* followPrefix(
  parts: FollowParts,
  prefix: string,
  decoder: Decoder,
  call: Call,
): AsyncGenerator<Answer, never, undefined> {
  const { clock, timing } = parts;
  let last: PrefixReply | undefined;
  for (;;) {
    const reply = last === undefined ? await parts.prefixes.read(prefix, call) : await nextReply(parts, last, call);
    const answeredMs = clock.monotonicMs();
    // An index that goes backwards: Consul was restored or restarted empty, and must be asked without waiting.
    last = last !== undefined && isBackwards(last, reply) ? undefined : reply;
    const decoded = decoder.decode(reply.body);
    yield { decoded, bytes: reply.body.length, parseMs: clock.monotonicMs() - answeredMs };
    // Before the query, not behind it: the first change after quiet meets a query that waits already.
    const gapMs = timing.gapMs + Math.random() * timing.ditherMs - (clock.monotonicMs() - answeredMs);
    if (gapMs > 0) await clock.sleep(gapMs, call.signal);
    call.signal.throwIfAborted();
  }
}

/** The next answer; when another address must take over, its present one, because its index may be another. */
async function nextReply(parts: FollowParts, last: PrefixReply, call: Call): Promise<PrefixReply> {
  try {
    return await parts.prefixes.wait(last, call);
  } catch (error) {
    if (call.signal.aborted || parts.client.addresses === 1 || !isOutage(error)) throw error;
    return parts.prefixes.read(last.prefix, call);
  }
}

function isBackwards(last: PrefixReply, { index }: PrefixReply): boolean {
  return last.index !== undefined && index !== undefined && index < last.index;
}

function isOutage(error: unknown): boolean {
  return error instanceof AppError && (error.code === "E_STORE_UNREACHABLE" || error.code === "E_STORE_NO_LEADER");
}
