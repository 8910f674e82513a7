import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Call } from "../../src/core/call.ts";
import type { Clock } from "../../src/core/clock.ts";
import { withDeadline } from "../../src/lib/deadline.ts";

/** The addresses behind host names, as this machine resolves them. */
export interface Names {
  /** True or false when it is sure; undefined when one of the names cannot be resolved here at this moment. */
  areSame(one: string, other: string, call: Call): Promise<boolean | undefined>;
}

/** How long an answer counts: a name that moves is seen soon, and no name server is asked each second. */
const KEEP_MS = 30_000;

/** A name server that does not answer must not use up the time of a whole probe. */
const SHARE_OF_TIMEOUT = 3;
const DEFAULT_TIMEOUT_MS = 500;

interface Resolved {
  readonly addresses: readonly string[] | undefined;
  readonly untilMs: number;
}

/** The addresses of a name; rejects when there is none or nobody to ask. */
type Resolve = (host: string) => Promise<readonly string[]>;

/** Knows no name at first. */
export function createNames(clock: Clock, resolver: Resolve = resolveHere): Names {
  const cache = new Map<string, Resolved>();

  async function resolve(
    host: string,
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Call,
  ): Promise<Resolved["addresses"]> {
    if (isIP(host) !== 0) return [host];
    const known = cache.get(host);
    if (known !== undefined && clock.monotonicMs() < known.untilMs) return known.addresses;
    let addresses: readonly string[] | undefined;
    try {
      const limitMs = timeoutMs / SHARE_OF_TIMEOUT;
      addresses = await withDeadline(`resolving ${host}`, limitMs, signal, () => resolver(host));
    } catch (error) {
      if (signal.aborted) throw error;
      // Not resolved here, for whatever reason: the caller says what it could not tell.
      addresses = undefined;
    }
    cache.set(host, { addresses, untilMs: clock.monotonicMs() + KEEP_MS });
    return addresses;
  }

  return {
    async areSame(one, other, call) {
      if (one.toLowerCase() === other.toLowerCase()) return true;
      if (isIP(one) !== 0 && isIP(other) !== 0) return false;
      const [first, second] = await Promise.all([resolve(one, call), resolve(other, call)]);
      if (first === undefined || second === undefined) return undefined;
      return first.some((address) => second.includes(address));
    },
  };
}

async function resolveHere(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}
