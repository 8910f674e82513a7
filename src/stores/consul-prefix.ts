import type { Call } from "../core/call.ts";
import { AppError } from "../core/errors.ts";
import type { BoundedCall, ConsulClient } from "./consul-client.ts";
import { invalidAnswer } from "./consul-errors.ts";
import type { ConsulTiming } from "./consul-timing.ts";
import type { HttpReply } from "./consul-transport.ts";
import { isFolderPrefix } from "./key.ts";

const NOTHING = Buffer.from("[]");

/** A prefix's content as Consul sent it, and the index to wait on for a later one. */
export interface PrefixReply {
  readonly prefix: string;
  readonly body: Buffer;
  /** X-Consul-Index, at least 1; undefined when the answer had none. */
  readonly index: number | undefined;
}

/** Asks for all pairs under a prefix. */
export interface PrefixReader {
  /** At once. An empty answer is returned only if the token may read the prefix and the answer is not stale. */
  read(prefix: string, call: Call): Promise<PrefixReply>;
  /**
   * The same prefix again when its index is past that of `after`, or when the wait is over; asks only the
   * address in use, whose index it is. E_STORE_INVALID when `after` has none.
   */
  wait(after: PrefixReply, call: Call): Promise<PrefixReply>;
}

/** What a reader needs; `words` are the query words that go with every request, such as `stale`. */
export interface PrefixParts {
  readonly client: ConsulClient;
  readonly words: readonly string[];
  readonly timing: ConsulTiming;
}

/** Creates the reader of prefixes. */
export function createPrefixReader(parts: PrefixParts): PrefixReader {
  const { client, words, timing } = parts;
  const ask = async (prefix: string, extra: readonly string[], call: BoundedCall & { pinned: boolean }) => {
    const recurse = isFolderPrefix(prefix) ? ["recurse"] : [];
    const path = keyPath(prefix, [...recurse, ...words, ...extra]);
    const reply = await client.send({ method: "GET", path, repeatable: true, pinned: call.pinned }, call);
    return checked(reply, prefix);
  };
  const believed = async (reply: PrefixReply, prefix: string, call: Call) => {
    if (reply.body === NOTHING && isFolderPrefix(prefix)) await proveReadable(parts, prefix, call);
    return reply;
  };
  return {
    async read(prefix, call) {
      const timeoutMs = call.timeoutMs ?? timing.requestMs;
      return believed(await ask(prefix, [], { signal: call.signal, timeoutMs, pinned: false }), prefix, call);
    },
    async wait(after, call) {
      const { prefix } = after;
      if (after.index === undefined) throw invalidAnswer(`for ${prefix} has no X-Consul-Index to wait on`);
      const waitMs = waitWithin(call.timeoutMs, timing);
      // The server adds up to a sixteenth of the wait by chance (HTTP API, "Blocking Queries").
      const timeoutMs = Math.min(waitMs + waitMs / 16 + timing.marginMs, call.timeoutMs ?? Number.POSITIVE_INFINITY);
      const blocking = [`index=${after.index}`, `wait=${Math.round(waitMs)}ms`];
      const reply = await ask(prefix, blocking, { signal: call.signal, timeoutMs, pinned: true });
      return after.body === NOTHING ? reply : believed(reply, prefix, call);
    },
  };
}

/** The path of a key or prefix; each segment is encoded, the slashes stay. */
export function keyPath(key: string, words: readonly string[]): string {
  const query = words.length === 0 ? "" : `?${words.join("&")}`;
  return `/v1/kv/${key.split("/").map(encodeURIComponent).join("/")}${query}`;
}

/**
 * Throws E_STORE_STALE for a 404 of a server that knows of no leader: `stale` and default reads of a server
 * that was cut off answer with what it has, which may be nothing.
 */
export function checkLeader(reply: HttpReply): void {
  if (reply.headers["x-consul-knownleader"] !== "false") return;
  throw new AppError("E_STORE_STALE", "Consul answered that there is nothing, but knows of no leader", {
    hint: "the agent was cut off from the servers; without --consistency stale it would say so itself",
  });
}

function checked(reply: HttpReply, prefix: string): PrefixReply {
  const empty = reply.status === 404 || (reply.body.length <= 3 && reply.body.toString("latin1").trim() === "[]");
  if (empty) checkLeader(reply);
  return { body: empty ? NOTHING : reply.body, index: indexOf(reply), prefix };
}

/** Consul's documentation: an index of 0 is a bug of the server, and a client must then use 1 to block at all. */
function indexOf(reply: HttpReply): number | undefined {
  const header = reply.headers["x-consul-index"];
  return typeof header === "string" && /^\d{1,15}$/.test(header) ? Math.max(1, Number(header)) : undefined;
}

/**
 * Consul answers a recursive read without rights like an empty prefix (consul#10222), but a single key
 * without rights with 403: so a key below the prefix is asked for, whether it exists or not. Throws
 * E_STORE_DENIED when the token may not read it.
 */
async function proveReadable({ client, words, timing }: PrefixParts, prefix: string, call: Call): Promise<void> {
  const path = keyPath(`${prefix}.confd-haproxy-may-read`, words);
  const timeoutMs = call.timeoutMs ?? timing.requestMs;
  try {
    const reply = await client.send({ method: "GET", path, repeatable: true }, { signal: call.signal, timeoutMs });
    if (reply.status === 404) checkLeader(reply);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "E_STORE_DENIED") throw error;
    const what = prefix === "" ? "all keys" : `the prefix ${prefix}`;
    throw new AppError("E_STORE_DENIED", `Consul shows nothing under ${what}, and the token may not read there`, {
      cause: error,
      hint: error.hint ?? "check the token's policy",
    });
  }
}

/** The longest wait whose answer still comes within `timeoutMs`, if the caller set one. */
function waitWithin(timeoutMs: number | undefined, { waitMs, marginMs }: ConsulTiming): number {
  if (timeoutMs === undefined) return waitMs;
  const margin = Math.min(marginMs, timeoutMs / 2);
  return Math.min(waitMs, ((timeoutMs - margin) * 16) / 17);
}
