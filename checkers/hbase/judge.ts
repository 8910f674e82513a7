import type { Verdict } from "../../src/core/verdict.ts";
import { liveServer, type ServerId } from "./group.ts";
import type { Group } from "./groups.ts";

/** A group that has to have live servers. */
export interface NamedGroup {
  readonly name: string;
  readonly group: Group;
}

/** Whether all of `groups`, or without any the cluster, have at least `minLive` live region servers. */
export function judgeServers(children: readonly string[], groups: readonly NamedGroup[], minLive: number): Verdict {
  const live = new Set(children.flatMap((child) => liveServer(child) ?? []));
  if (groups.length === 0) return judgeAll(live.size, minLive);
  const found = groups.map((named) => judgeGroup(named, live, minLive));
  const bad = found.find(({ isGood }) => !isGood);
  if (bad !== undefined) return { state: "down", reason: bad.words };
  return { state: "up", reason: `region servers alive: ${found.map(({ words }) => words).join(", ")}` };
}

function judgeAll(count: number, minLive: number): Verdict {
  const words = `${count === 0 ? "no" : count} region server${count === 1 ? " is" : "s are"} alive`;
  if (count >= minLive) return { state: "up", reason: words };
  return { state: "down", reason: `${words}${lessThan(count, minLive)}` };
}

function judgeGroup({ name, group }: NamedGroup, live: ReadonlySet<ServerId>, minLive: number) {
  if ("problem" in group) return { isGood: false, words: group.problem };
  const members = new Set(group.servers);
  const alive = [...members].filter((server) => live.has(server)).length;
  const remark = group.remark === undefined ? "" : ` (${group.remark})`;
  if (alive >= minLive) return { isGood: true, words: `${name} ${alive} of ${members.size}${remark}` };
  const words = members.size === 0 ? "no region servers" : `${alive} of ${members.size} region servers alive`;
  return { isGood: false, words: `group ${name}: ${words}${lessThan(alive, minLive)}${remark}` };
}

function lessThan(count: number, minLive: number): string {
  return count > 0 ? `, less than ${minLive}` : "";
}
