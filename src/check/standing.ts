import type { Health } from "../core/damper.ts";
import type { Latch } from "../core/latch.ts";
import type { Standing, StandingSource } from "../core/standing.ts";
import type { Member } from "./member.ts";
import type { Roster } from "./roster.ts";

/** The parts of a group that answer for its servers. */
export interface StandingParts {
  readonly roster: Roster;
  /** The names that the entry holds, the first choice first. */
  readonly published: () => readonly string[];
  readonly latch: Latch | undefined;
  readonly fail: (error: unknown) => void;
  /** Names of the servers that were once listed; those that are listed now are added. */
  readonly seen: Set<string>;
}

/** Who speaks for a tag of which nothing is published: whoever is best off. */
const BEST_FIRST: readonly Health[] = ["up", "unseen", "drain", "down"];

/** So many servers that were once listed are remembered. */
const MOST_REMEMBERED = 1_000;

/** Looked up at the moment of the question. */
export function createStandings({ roster, published, latch, fail, seen }: StandingParts): StandingSource {
  let listed: readonly Member[] = [];
  let byName: ReadonlyMap<string, Member> = new Map();

  function find(name: string): Member | undefined {
    if (roster.members !== listed) {
      listed = roster.members;
      byName = new Map(listed.map((member) => [member.name, member]));
      for (const name of byName.keys()) if (seen.size < MOST_REMEMBERED) seen.add(name);
    }
    return byName.get(name);
  }

  function ofTag(): Member | undefined {
    const [first] = published();
    const member = first === undefined ? undefined : find(first);
    return member ?? best(roster.members);
  }

  const look = (member: Member | undefined) => (member === undefined ? undefined : standingOf(member, latch));
  return {
    ofTag: () => look(ofTag()),
    ofServer: (name) => look(find(name)) ?? (roster.isKnown && seen.has(name) ? "gone" : undefined),
    get count() {
      return roster.members.length;
    },
    async freshen(name) {
      try {
        await roster.refresh();
        const wanted = name === undefined ? roster.members : [find(name)];
        await Promise.all(wanted.map((member) => member?.check()));
      } catch (error) {
        fail(error);
      }
    },
  };
}

function best(members: readonly Member[]): Member | undefined {
  if (members.length < 2) return members[0];
  for (const health of BEST_FIRST) {
    const found = members.find(({ memory }) => memory.health === health);
    if (found !== undefined) return found;
  }
  return undefined;
}

function standingOf({ name, memory, verdict, judgedMs, good }: Member, latch: Latch | undefined): Standing {
  return {
    name,
    health: memory.health,
    verdict,
    judgedMs,
    weightPercent: good?.weightPercent,
    maxconn: good?.maxconn,
    held: latch?.held(name),
  };
}
