import type { Published } from "../core/published.ts";
import { publishedNames } from "../core/published.ts";
import { type GroupCounters, type GroupStatus, NOT_ASKED } from "../core/status.ts";
import type { Leadership } from "./leadership.ts";
import type { Member } from "./member.ts";
import type { Publication } from "./publication.ts";

/** The parts of a group that its status is read from. */
export interface StatusSources {
  readonly kind: string;
  readonly tag: string;
  readonly exclusive: boolean;
  readonly publishes: boolean;
  readonly members: () => readonly Member[];
  readonly publication: Publication;
  readonly leadership: Leadership;
  readonly split: { readonly present: boolean };
  readonly counters: GroupCounters;
}

/** Reads it at this moment. */
export function readStatus(sources: StatusSources): GroupStatus {
  const { kind, tag, exclusive, publication, leadership, split, counters } = sources;
  const published = namesOf(publication.published);
  return {
    kind,
    tag,
    publishes: sources.publishes,
    published,
    leader: leadership.leads,
    storeReadable: publication.readable,
    exclusive,
    orders: [],
    split: split.present,
    counters: { ...counters },
    servers: sources.members().map(({ name, memory, verdict }) => ({
      name,
      health: memory.health,
      reason: verdict?.reason ?? NOT_ASKED,
      published: published?.includes(name) ?? false,
    })),
  };
}

/** Of a group that has just begun. */
export function noCounts(): GroupCounters {
  return { rounds: 0, lateRounds: 0, probes: 0, failedProbes: 0, writes: 0, lostWrites: 0, splits: 0 };
}

function namesOf(published: Published | undefined): readonly string[] | undefined {
  return published === undefined ? undefined : publishedNames(published);
}
