import type { Published } from "../core/decide.ts";
import { type Entry, isPort } from "../core/entry.ts";
import type { Target } from "../core/targets.ts";

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
  readonly target: Target;
  /** Used when what is published has no valid one, or when `keepProxyport` is false. */
  readonly proxyport: number;
  readonly keepProxyport: boolean;
}

/**
 * The entry that names `target`: the four fields in the order users know, then all fields of the published
 * entry that this program does not know, as they were.
 */
export function composeEntry(wanted: NewEntry, published: Published): Entry {
  const old: Readonly<Record<string, unknown>> = published.state === "entry" ? published.entry : {};
  const unknown = Object.entries(old).filter(([field]) => !ABOUT_THE_CHOICE.has(field));
  const oldPort = old["proxyport"];
  return {
    name: wanted.tag,
    host: wanted.target.host,
    port: wanted.target.port,
    proxyport: wanted.keepProxyport && isPort(oldPort) ? oldPort : wanted.proxyport,
    ...Object.fromEntries(unknown),
  };
}
