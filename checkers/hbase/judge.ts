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
  if (groups.length === 0) {
    const reason = `${live.size} region server${live.size === 1 ? " is" : "s are"} alive`;
    return live.size >= minLive ? { state: "up", reason } : { state: "down", reason: few(reason, live.size, minLive) };
  }
  const found = groups.map((named) => judgeGroup(named, live, minLive));
  const bad = found.find(({ isGood }) => !isGood);
  if (bad !== undefined) return { state: "down", reason: bad.words };
  return { state: "up", reason: `${found.map(({ words }) => words).join(", ")} region servers are alive` };
}

function judgeGroup({ name, group }: NamedGroup, live: ReadonlySet<ServerId>, minLive: number) {
  if ("problem" in group) return { isGood: false, words: group.problem };
  const members = new Set(group.servers);
  const alive = [...members].filter((server) => live.has(server)).length;
  const words = `${name}: ${alive} of ${members.size}`;
  if (alive >= minLive) return { isGood: true, words };
  return { isGood: false, words: few(`group ${words} region servers alive`, alive, minLive) };
}

function few(reason: string, count: number, minLive: number): string {
  return minLive > 1 && count > 0 ? `${reason}, less than ${minLive}` : reason;
}
