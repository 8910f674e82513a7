import { type Entry, isPort } from "../core/entry.ts";
import type { Decision } from "../core/policy.ts";
import type { Published } from "../core/published.ts";
import type { GroupOptions } from "./options.ts";

/** Fields that speak about the choice that was made: none of them outlives it. */
const ABOUT_THE_CHOICE: ReadonlySet<string> = new Set([
  "name",
  "host",
  "port",
  "proxyport",
  "servers",
  "writer",
  "reason",
  "since",
]);

/** What a new entry is made of. */
export interface NewEntry {
  readonly tag: string;
  /** What `--proxyport` and its offset say: without either the published proxyport is kept. */
  readonly proxyport: GroupOptions["proxyport"];
}

/**
 * The entry that carries `choice` out: the four fields in the order users know, the list if there are several
 * servers, then all fields of the published entry that this program does not know, as they were. `newProxyport` is
 * asked for only where it is needed.
 */
export function composeEntry(
  { tag, proxyport }: NewEntry,
  choice: Pick<Decision & { readonly action: "publish" }, "target" | "servers">,
  published: Published,
  newProxyport: () => number,
): Entry {
  const old: Readonly<Record<string, unknown>> = published.state === "entry" ? published.entry : {};
  const unknown = Object.entries(old).filter(([field]) => !ABOUT_THE_CHOICE.has(field));
  const oldPort = old["proxyport"];
  const keeps = proxyport.port === undefined && proxyport.offset === undefined;
  const servers = choice.servers.map(({ host, port }) => ({ host, port }));
  return {
    name: tag,
    host: choice.target.host,
    port: choice.target.port,
    proxyport: keeps && isPort(oldPort) ? oldPort : newProxyport(),
    ...(servers.length > 1 ? { servers } : {}),
    ...Object.fromEntries(unknown),
  };
}
