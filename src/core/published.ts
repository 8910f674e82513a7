import { type Entry, parseEntry } from "./entry.ts";
import { type Target, targetName } from "./targets.ts";

/** What the key of the tag holds. */
export type Published =
  | { readonly state: "absent" }
  | { readonly state: "malformed"; readonly problem: string }
  | { readonly state: "entry"; readonly entry: Entry };

/** Reads the value of the tag's key; undefined when there is no such key. */
export function readPublished(value: string | undefined): Published {
  if (value === undefined) return { state: "absent" };
  const result = parseEntry(value);
  return "entry" in result ? { state: "entry", entry: result.entry } : { state: "malformed", problem: result.problem };
}

/** The servers that an entry names, the first choice first; none without an entry. */
export function publishedTargets(published: Published): readonly Target[] {
  if (published.state !== "entry") return [];
  const { host, port, servers = [] } = published.entry;
  const first = { host, port };
  const others = servers.filter((server) => targetName(server) !== targetName(first));
  return [first, ...others.map((server) => ({ host: server.host, port: server.port }))];
}

/** {@link publishedTargets}, spelled as {@link targetName} does. */
export function publishedNames(published: Published): readonly string[] {
  return publishedTargets(published).map(targetName);
}

/** All of them in one string: two entries with the same one mean the same servers and the same first choice. */
export function publishedChoice(published: Published): string | undefined {
  const names = publishedNames(published);
  return names.length === 0 ? undefined : choiceOf(names);
}

/** As {@link publishedChoice}, of names: the order of all but the first does not matter. */
export function choiceOf([first, ...others]: readonly string[]): string {
  return [first, ...others.sort()].join(", ");
}
