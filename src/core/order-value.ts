import { isName } from "./entry.ts";
import { AppError } from "./errors.ts";
import type { Order } from "./order.ts";
import { parseTargets, targetName } from "./targets.ts";

/** Everything that people say by hand lives below this; not below `haproxy/`, which templates watch. */
export const ORDERS_PREFIX = "haproxy-agent/";

/** The two sorts of things that are said: to keep sessions off, and to let go of who is held down. */
export type OrderSort = "maintenance" | "recover";

/** Of whom something is said. */
export interface OrderSubject {
  /** Undefined: of every kind that has this tag. */
  readonly kind: string | undefined;
  readonly tag: string;
  /** `host:port`; undefined: of all its servers. */
  readonly server: string | undefined;
}

/** That those who are held down are to be let go; each has another id. */
export interface Recovery {
  readonly id: string;
}

/** Longest reason and name that are kept. */
const LONGEST_TEXT = 200;

/** The key under which something is said: `haproxy-agent/maintenance/memcached/mem1@10.0.0.5:11211`, with `*` for every kind. */
export function orderKey(sort: OrderSort, { kind = "*", tag, server }: OrderSubject): string {
  return `${ORDERS_PREFIX}${sort}/${kind}/${tag}${server === undefined ? "" : `@${server}`}`;
}

/** The other way round; undefined for a key that is none of ours. */
export function parseOrderKey(key: string): { readonly sort: OrderSort; readonly subject: OrderSubject } | undefined {
  const parts = /^haproxy-agent\/(maintenance|recover)\/([^/]+)\/([^/@]+)(?:@(.+))?$/.exec(key);
  if (parts === null) return undefined;
  const [, sort, kind, tag = "", server] = parts;
  if (!isName(tag) || (kind !== "*" && !isName(kind))) return undefined;
  return { sort: sort as OrderSort, subject: { kind: kind === "*" ? undefined : kind, tag, server } };
}

/** Reads `tag`, `kind/tag` or `kind/tag/host:port` as people write it. Throws E_USAGE. */
export function parseSubject(words: string): OrderSubject {
  const [first = "", second, ...rest] = words.split("/");
  const [kind, tag] = second === undefined ? [undefined, first] : [first, second];
  if (!isName(tag) || (kind !== undefined && !isName(kind))) {
    throw new AppError("E_USAGE", `"${words}" names no tag`, { hint: "write tag, kind/tag or kind/tag/host:port" });
  }
  if (rest.length === 0) return { kind, tag, server: undefined };
  const [server, ...more] = parseTargets(rest.join("/"), words);
  if (server === undefined || more.length > 0) throw new AppError("E_USAGE", `${words}: name one server`);
  return { kind, tag, server: targetName(server) };
}

/** As {@link parseSubject} reads it. */
export function subjectWords({ kind, tag, server }: OrderSubject): string {
  const name = kind === undefined ? tag : `${kind}/${tag}`;
  return server === undefined ? name : `${name}/${server}`;
}

/** The value under its key; times are in ISO 8601, for people. */
export function composeOrder({ state, reason, by, sinceMs, untilMs }: Order): string {
  const until = untilMs === undefined ? undefined : new Date(untilMs).toISOString();
  return JSON.stringify({ state, reason, by, since: new Date(sinceMs).toISOString(), until });
}

/** Reads a value that anyone may have written. */
export function parseOrder(value: string): { readonly order: Order } | { readonly problem: string } {
  const json = parseObject(value);
  if (json === undefined) return { problem: "it is not a JSON object" };
  const { state, since, until } = json;
  if (state !== "maint" && state !== "drain") return { problem: '"state" must be "maint" or "drain"' };
  const sinceMs = since === undefined ? 0 : Date.parse(String(since));
  const untilMs = until === undefined || until === null ? undefined : Date.parse(String(until));
  if (Number.isNaN(sinceMs)) return { problem: '"since" is not a time' };
  if (Number.isNaN(untilMs)) return { problem: '"until" is not a time' };
  return { order: { state, reason: line(json["reason"]), by: line(json["by"]), sinceMs, untilMs } };
}

/** As {@link parseOrder}. */
export function parseRecovery(value: string): Recovery | { readonly problem: string } {
  const id = parseObject(value)?.["id"];
  return typeof id === "string" && id !== "" ? { id } : { problem: 'it has no "id"' };
}

function parseObject(value: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(value);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

/** It goes into an answer of one line, and on a page. */
function line(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  const clean = text.replaceAll(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]+/g, " ").trim();
  return clean === "" ? undefined : clean.slice(0, LONGEST_TEXT);
}
