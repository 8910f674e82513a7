import { type GroupStatus, NOT_ASKED, type ServerStatus } from "../core/status.ts";

/** How a tag is, worst first. `waiting`: too early to tell. */
export const CONDITIONS = ["bad", "degraded", "waiting", "good"] as const;
export type Condition = (typeof CONDITIONS)[number];

/** What a person wants to know of a tag before looking at its servers. */
export interface Judgement {
  readonly condition: Condition;
  /** One clause. */
  readonly words: string;
}

/** A tag with what is to be said of it. */
export interface JudgedGroup {
  readonly group: GroupStatus;
  readonly judgement: Judgement;
  /** What it still waits for; undefined when it has read its entry and asked every server. */
  readonly unready: string | undefined;
}

/** So many names are listed in a sentence; the rest is a number. */
const MAX_NAMES = 4;

/** Judges every tag, sorted by kind and tag. */
export function judgeAll(groups: readonly GroupStatus[]): readonly JudgedGroup[] {
  return [...groups]
    .sort((a, b) => compareNames(a.kind, b.kind) || compareNames(a.tag, b.tag))
    .map((group) => ({ group, judgement: judge(group), unready: whyUnready(group) }));
}

/** The same list with the worst first; those in the same condition keep their order. */
export function worstFirst(judged: readonly JudgedGroup[]): readonly JudgedGroup[] {
  return CONDITIONS.flatMap((condition) => judged.filter(({ judgement }) => judgement.condition === condition));
}

/** How many tags are in which condition, in words: `3 tags: 1 bad, 2 good`. */
export function countConditions(judged: readonly JudgedGroup[]): string {
  const counts = CONDITIONS.map((condition) => ({
    condition,
    count: judged.filter(({ judgement }) => judgement.condition === condition).length,
  }));
  const parts = counts.filter(({ count }) => count > 0).map(({ condition, count }) => `${count} ${condition}`);
  return parts.length === 0 ? "no tags yet" : `${plural(judged.length, "tag")}: ${parts.join(", ")}`;
}

/** `1 tag`, `2 tags` */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function whyUnready(group: GroupStatus): string | undefined {
  if (group.publishes && group.published === undefined) return "the store has not told yet what is published";
  if (group.servers.length === 0) return "no server is known yet";
  const silent = group.servers.filter(({ reason }) => reason === NOT_ASKED);
  return silent.length === 0 ? undefined : `not asked yet: ${list(silent.map(({ name }) => name))}`;
}

function judge(group: GroupStatus): Judgement {
  const { published, servers, split } = group;
  const up = servers.filter(({ health }) => health === "up");
  if (split) return bad(`split brain: only one can rightly be up, but ${list(up.map(({ name }) => name))} are`);
  const unready = whyUnready(group);
  if (!group.publishes) return judgeUnpublished(group, unready);
  if (published === undefined) return { condition: "waiting", words: unready ?? "" };
  // once the servers were asked, an empty key is trouble; before, it is how every new tag begins
  if (published.length === 0 && unready !== undefined) return { condition: "waiting", words: unready };
  if (published.length === 0) return bad(`nothing is published, and ${upWords(servers)}`);
  return judgePublished(group, published) ?? judgeRest(group, published, unready);
}

/** HAProxy has the servers in its own file, and the agent says which may be used. */
function judgeUnpublished({ servers, exclusive, orders }: GroupStatus, unready: string | undefined): Judgement {
  if (unready !== undefined) return { condition: "waiting", words: unready };
  const up = servers.filter(({ health }) => health === "up").length;
  const words = upWords(servers);
  if (up === 0) return bad(words);
  if (orders.length > 0) return degraded(`${words}; orders by hand are in force`);
  return up === servers.length || exclusive ? { condition: "good", words } : degraded(words);
}

/** Trouble with what clients are sent to. */
function judgePublished(group: GroupStatus, published: readonly string[]): Judgement | undefined {
  const problems = published.flatMap((name) => {
    const server = group.servers.find((candidate) => candidate.name === name);
    const problem = publishedProblem(server);
    return problem === undefined ? [] : [{ failed: isFailed(server), words: `${name} is published but ${problem}` }];
  });
  const [first] = problems;
  if (first === undefined) return undefined;
  const more = problems.length > 1 ? `; so it is with ${problems.length - 1} more of the published` : "";
  const isOutage = problems.length === published.length && problems.every(({ failed }) => failed);
  return { condition: isOutage ? "bad" : "degraded", words: first.words + more };
}

function publishedProblem(server: ServerStatus | undefined): string | undefined {
  if (server === undefined) return "not among the servers";
  if (server.reason === NOT_ASKED) return "not asked yet";
  if (server.health === "up") return undefined;
  if (server.health === "unseen") return "cannot be judged";
  return server.health === "drain" ? "draining" : "down";
}

function isFailed(server: ServerStatus | undefined): boolean {
  return server?.health === "down" || server?.health === "drain";
}

/** The published are well: what else there is. */
function judgeRest(group: GroupStatus, published: readonly string[], unready: string | undefined): Judgement {
  const names = list(published);
  if (!group.storeReadable) return degraded(`the store does not answer; it last named ${names}`);
  const others = group.exclusive ? [] : group.servers;
  const lost = others.filter(({ health, reason }) => health !== "up" && reason !== NOT_ASKED).length;
  const are = published.length > 1 ? "are" : "is";
  if (lost > 0) return degraded(`${names} ${are} published; ${upWords(group.servers)}`);
  if (unready !== undefined) return { condition: "waiting", words: unready };
  if (group.orders.length > 0) return degraded(`${names} ${are} published; orders by hand are in force`);
  return { condition: "good", words: `${names} ${are} published` };
}

function upWords(servers: readonly ServerStatus[]): string {
  const count = servers.filter(({ health }) => health === "up").length;
  if (count === 0)
    return servers.length === 1 ? "the only server is not up" : `none of ${servers.length} servers is up`;
  if (servers.length === 1) return "the only server is up";
  return `${count} of ${plural(servers.length, "server")} ${count === 1 ? "is" : "are"} up`;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(", ");
  return names.length > MAX_NAMES ? `${shown} and ${names.length - MAX_NAMES} more` : shown;
}

function bad(words: string): Judgement {
  return { condition: "bad", words };
}

function degraded(words: string): Judgement {
  return { condition: "degraded", words };
}

/** By code units: the same on every machine, whatever its language. */
function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
