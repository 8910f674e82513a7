import { isName } from "./entry.ts";
import { AppError } from "./errors.ts";
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

/** The key under which something is said: `haproxy-agent/maintenance/memcached/mem1@10.0.0.5:11211`, with `*` for every kind. */
export function orderKey(sort: OrderSort, { kind = "*", tag, server }: OrderSubject): string {
  return `${ORDERS_PREFIX}${sort}/${kind}/${tag}${server === undefined ? "" : `@${server}`}`;
}

/** The other way round; undefined for a key that {@link orderKey} would not have made. */
export function parseOrderKey(key: string): { readonly sort: OrderSort; readonly subject: OrderSubject } | undefined {
  const parts = /^haproxy-agent\/(maintenance|recover)\/([^/]+)\/([^/@]+)(?:@([^/]+))?$/.exec(key);
  if (parts === null) return undefined;
  const [, word, kind = "", tag = "", server] = parts;
  if (!isName(tag) || (kind !== "*" && !isName(kind)) || (server !== undefined && !isServer(server))) return undefined;
  const sort = word === "recover" ? "recover" : "maintenance";
  return { sort, subject: { kind: kind === "*" ? undefined : kind, tag, server } };
}

function isServer(name: string): boolean {
  try {
    const [target, ...more] = parseTargets(name, "server");
    return target !== undefined && more.length === 0 && targetName(target) === name;
  } catch {
    return false;
  }
}

const SPELLING = "write tag, kind/tag or kind/tag/host:port";

/** Reads `tag`, `kind/tag` or `kind/tag/host:port` as people write it; `*` stands for every kind. Throws E_USAGE. */
export function parseSubject(words: string): OrderSubject {
  const [first = "", second, ...rest] = words.split("/");
  const [kind, tag] = second === undefined ? ["*", first] : [first, second];
  if (!isName(tag) || (kind !== "*" && !isName(kind))) {
    throw new AppError("E_USAGE", `"${words}" names no tag`, { hint: SPELLING });
  }
  const ofKind = kind === "*" ? undefined : kind;
  if (rest.length === 0 && ofKind !== undefined && isServer(tag)) throw kindIsMissing(words, ofKind, tag);
  if (rest.length === 0) return { kind: ofKind, tag, server: undefined };
  const [server, ...more] = parseTargets(rest.join("/"), words);
  if (server === undefined || more.length > 0) {
    throw new AppError("E_USAGE", `"${words}" names several servers`, { hint: "name one server, or its tag for all" });
  }
  return { kind: ofKind, tag, server: targetName(server) };
}

/** A name may hold a colon, so `mem1/10.0.0.5:11211` would be the tag `10.0.0.5:11211` of the kind `mem1`, and nobody's. */
function kindIsMissing(words: string, tag: string, server: string): AppError {
  return new AppError("E_USAGE", `"${words}" names a server and no kind`, {
    hint: `write kind/${tag}/${server}, or */${tag}/${server} for every kind; a tag that is called ${server} is named alone`,
  });
}

/** As {@link parseSubject} reads it. */
export function subjectWords({ kind, tag, server }: OrderSubject): string {
  if (server !== undefined) return `${kind ?? "*"}/${tag}/${server}`;
  return kind === undefined ? tag : `${kind}/${tag}`;
}

/** Whether there may be a server that both are about. */
export function overlap(a: OrderSubject, b: OrderSubject): boolean {
  const sameKind = a.kind === undefined || b.kind === undefined || a.kind === b.kind;
  const sameServer = a.server === undefined || b.server === undefined || a.server === b.server;
  return a.tag === b.tag && sameKind && sameServer;
}

/** Of two orders about a server the one with the higher rank counts: for the server before its tag, with the kind before without. */
export function rankOf({ kind, server }: OrderSubject): number {
  return (server === undefined ? 0 : 2) + (kind === undefined ? 0 : 1);
}
