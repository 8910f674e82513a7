import type { Call } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { ABSENT, type Pair, type Snapshot, type Store, type WriteCall } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { targetName } from "../core/targets.ts";
import { formatMs } from "../lib/duration.ts";
import { createAnnouncements } from "./consul-announce.ts";
import { type ConsulClient, createConsulClient } from "./consul-client.ts";
import { createDecoder, type Decoder } from "./consul-decode.ts";
import { invalidAnswer } from "./consul-errors.ts";
import { followPrefix } from "./consul-follow.ts";
import { createLocks } from "./consul-lock.ts";
import { checkLeader, createPrefixReader, keyPath, type PrefixReader } from "./consul-prefix.ts";
import { CONSUL_TIMING, type ConsulTiming } from "./consul-timing.ts";
import { createTokenSource } from "./consul-token.ts";
import { createTransport, type HttpReply } from "./consul-transport.ts";
import { checkKey, checkPrefix } from "./key.ts";

/** The options of a Consul store. */
export type ConsulOptions = Extract<StoreOptions, { type: "consul" }>;

interface Deps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly consulTiming?: Partial<ConsulTiming>;
}

interface Parts {
  readonly client: ConsulClient;
  readonly prefixes: PrefixReader;
  readonly timing: ConsulTiming;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Query words of every request. */
  readonly scope: readonly string[];
  /** Query words of every read. */
  readonly readScope: readonly string[];
  /** One decoder per watched prefix, so that a watch that begins again still knows unchanged pairs. */
  readonly decoders: Map<string, Decoder>;
}

/**
 * Consul's KV over its HTTP API: reads by blocking queries, writes by check-and-set. A read or a write
 * without `ifIndex` goes on to the next address when one fails; a write with `ifIndex` only if it surely did
 * not arrive, so its E_STORE_UNREACHABLE may mean that it was done: read back before trying again.
 * Throws E_CONFIG for unreadable token or certificate files.
 */
export async function createConsulStore(options: ConsulOptions, deps: Deps): Promise<Store> {
  const token = createTokenSource(options, deps.logger);
  const transport = await createTransport(options.tls);
  const { addresses } = options;
  const { clock, logger } = deps;
  const client = createConsulClient({ addresses, transport, token, clock, logger });
  const timing = { ...CONSUL_TIMING, ...deps.consulTiming };
  const scope = scopeWords(options);
  const readScope = options.consistency === "default" ? scope : [...scope, options.consistency];
  const prefixes = createPrefixReader({ client, words: readScope, timing });
  const parts: Parts = { client, prefixes, timing, clock, logger, scope, readScope, decoders: new Map() };
  const locks = createLocks({ client, scope, checks: options.sessionChecks ?? [], timing, clock, logger });
  const announcements = createAnnouncements({ client, scope, timing, clock, logger });
  return {
    name: `consul://${addresses.map(targetName).join(",")}`,
    get: (key, call) => getPair(parts, key, call),
    list: (prefix, call) => listPairs(parts, prefix, call),
    watch: (prefix, call) => watchPairs(parts, prefix, call),
    put: (key, value, call) => putValue(parts, { key, value }, call),
    delete: (key, call) => deleteKey(parts, key, call),
    lock: (key, call) => locks.lock(key, call),
    announce: (key, value, call) => announcements.announce(key, value, call),
    async close() {
      await Promise.all([locks.close(), announcements.close()]);
      client.close();
      parts.decoders.clear();
    },
  };
}

function scopeWords({ datacenter, namespace }: ConsulOptions): string[] {
  const words = [];
  if (datacenter !== undefined) words.push(`dc=${encodeURIComponent(datacenter)}`);
  if (namespace !== undefined) words.push(`ns=${encodeURIComponent(namespace)}`);
  return words;
}

async function getPair(parts: Parts, key: string, call: Call): Promise<Pair | undefined> {
  checkKey(key);
  const path = keyPath(key, parts.readScope);
  const reply = await parts.client.send({ method: "GET", path, repeatable: true }, bounded(parts, call));
  if (reply.status === 404) {
    checkLeader(reply);
    return undefined;
  }
  return createDecoder().decode(reply.body).pairs[0];
}

async function listPairs(parts: Parts, prefix: string, call: Call): Promise<Snapshot> {
  checkPrefix(prefix);
  const { body } = await parts.prefixes.read(prefix, call);
  const decoder = parts.decoders.get(prefix) ?? createDecoder();
  return { prefix, pairs: decoder.decode(body).pairs };
}

async function* watchPairs(parts: Parts, prefix: string, call: Call): AsyncGenerator<Snapshot, void, undefined> {
  checkPrefix(prefix);
  const decoder = parts.decoders.get(prefix) ?? createDecoder();
  parts.decoders.set(prefix, decoder);
  let revision: number | undefined;
  for await (const { decoded, bytes, parseMs } of followPrefix(parts, prefix, decoder, call)) {
    if (decoded.revision === revision) continue;
    revision = decoded.revision;
    const { pairs } = decoded;
    parts.logger.debug("read", { key: prefix, parse: formatMs(parseMs), bytes, keys: pairs.length });
    yield { prefix, pairs };
  }
}

async function putValue(parts: Parts, pair: { key: string; value: string }, call: WriteCall): Promise<boolean> {
  checkKey(pair.key);
  const path = keyPath(pair.key, [...parts.scope, ...casWords(call)]);
  const repeatable = call.ifIndex === undefined;
  const request = { method: "PUT", path, body: pair.value, repeatable } as const;
  return trueOrFalse(await parts.client.send(request, bounded(parts, call)));
}

async function deleteKey(parts: Parts, key: string, call: WriteCall): Promise<boolean> {
  checkKey(key);
  // Consul ignores a delete with cas=0 (HTTP API, "Delete Key"); what is not there needs none.
  if (call.ifIndex === ABSENT) return (await getPair(parts, key, call)) === undefined;
  const path = keyPath(key, [...parts.scope, ...casWords(call)]);
  const repeatable = call.ifIndex === undefined;
  return trueOrFalse(await parts.client.send({ method: "DELETE", path, repeatable }, bounded(parts, call)));
}

function casWords({ ifIndex }: WriteCall): string[] {
  return ifIndex === undefined ? [] : [`cas=${encodeURIComponent(ifIndex)}`];
}

function trueOrFalse({ body }: HttpReply): boolean {
  const text = body.toString("latin1", 0, 16).trim();
  if (text !== "true" && text !== "false") throw invalidAnswer("to a write is neither true nor false");
  return text === "true";
}

function bounded(parts: Parts, call: Call): { signal: AbortSignal; timeoutMs: number } {
  return { signal: call.signal, timeoutMs: call.timeoutMs ?? parts.timing.requestMs };
}
