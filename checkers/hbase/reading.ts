import type { Clock } from "../../src/core/clock.ts";
import { createGroupReader, DEFAULT_GROUP, defaultOf, type Group } from "./groups.ts";
import type { NamedGroup } from "./judge.ts";
import type { ZkQuestion, ZkReply } from "./zk-frames.ts";

/** What ZooKeeper says of the cluster. */
export interface Reading {
  /** As the znodes of region servers are called; undefined: there is no folder of them. */
  readonly children: readonly string[] | undefined;
  readonly groups: readonly NamedGroup[];
}

/** Asks ZooKeeper; rejects when it does not answer. */
export type Ask = (questions: readonly ZkQuestion[]) => Promise<readonly ZkReply[]>;

/** Reads all that counts below `chroot`: the region servers, and these groups. Each reading asks to be told of changes. */
export function createReader(chroot: string, names: readonly string[], clock: Clock): (ask: Ask) => Promise<Reading> {
  const readers = names.map((name) => ({ name, read: createGroupReader(name, clock) }));
  const folder = `${chroot}/rsgroup`;
  const questions = [
    ...both("children", `${chroot}/rs`),
    ...names.flatMap((name) => both("data", `${folder}/${name}`)),
  ];
  return async (ask) => {
    const [, servers, ...replies] = await ask(questions);
    const children = servers?.children;
    const groups: NamedGroup[] = [];
    for (const [at, { name, read }] of readers.entries()) {
      const reply = replies[at * 2 + 1] ?? { isThere: false };
      const group = read(reply);
      const isUnwritten = name === DEFAULT_GROUP && !reply.isThere && "problem" in group;
      groups.push({ name, group: isUnwritten ? await readDefault(ask, { folder, children, group }) : group });
    }
    return { children, groups };
  };
}

/** Changes may come as fast as they are read: after so many readings in a row the last one counts. */
const MOST_READINGS = 3;

/**
 * Reads again when something has changed meanwhile: what was read may belong to two moments, and a "down" that never was
 * would hold with `--manual-recovery`. `changes` counts them.
 */
export async function readSettled(read: () => Promise<Reading>, changes: () => number): Promise<Reading> {
  for (let readings = 1; ; readings++) {
    const before = changes();
    const reading = await read();
    if (changes() === before || readings >= MOST_READINGS) return reading;
  }
}

interface WithoutDefault {
  readonly folder: string;
  readonly children: readonly string[] | undefined;
  /** What is to be said where there are no groups at all. */
  readonly group: Group;
}

/** Without a znode of its own it is known by what is in the others. */
async function readDefault(ask: Ask, { folder, children = [], group }: WithoutDefault): Promise<Group> {
  const [, listed] = await ask(both("children", folder));
  if (listed?.children === undefined) return group;
  const names = listed.children.filter((name) => name !== DEFAULT_GROUP);
  if (names.length === 0) return defaultOf(children, new Map());
  const replies = await ask(names.map((name) => ({ what: "data", path: `${folder}/${name}` })));
  return defaultOf(children, new Map(names.map((name, at) => [name, replies[at] ?? { isThere: false }])));
}

/** Of a znode that is not there yet only the first of the two is told. */
function both(what: "children" | "data", path: string): readonly ZkQuestion[] {
  return [
    { what: "exists", path },
    { what, path },
  ];
}
