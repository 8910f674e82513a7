import { errorText } from "../core/errors.ts";
import type { Latch } from "../core/latch.ts";
import type { Logger } from "../core/logger.ts";
import { damaged, type Notes } from "./notes.ts";
import type { OrderBook } from "./orders.ts";

/** Who is held down, of all tags. */
export interface Latches {
  /** Throws E_FILE for a tag whose note cannot be read, or is damaged. */
  of(kind: string, tag: string): Latch;
  /** Lets go of all servers of the tag; returns their names. Throws as {@link Latches.of}. */
  release(kind: string, tag: string): readonly string[];
  /** Lets go of those of whom somebody has said so since they were held; returns `kind tag: server`. Never throws. */
  review(): readonly string[];
}

/** What latches work with. */
export interface LatchesDeps {
  readonly notes: Notes;
  /** Undefined while nobody's orders are followed. */
  readonly book: () => Pick<OrderBook, "current" | "source" | "recoveries"> | undefined;
  readonly logger: Logger;
}

/** Why a server is held, and what had been said of recovery by then: what is said later has another id, so that no clocks need agree. */
interface Held {
  readonly reason: string;
  /** Undefined: it was not known; the first that is known is taken for it. */
  readonly said: Said | undefined;
}

interface Said {
  /** Ids of one store mean nothing beside those of another. */
  readonly store: string;
  readonly ids: readonly string[];
}

interface Tag {
  readonly kind: string;
  readonly name: string;
  readonly held: Map<string, Held>;
  /** Servers of whom the note does not say yet what is so. */
  readonly unsaved: Set<string>;
}

/** Reads a tag's note when it is first asked for. */
export function createLatches({ notes, book, logger }: LatchesDeps): Latches {
  const tags = new Map<string, Tag>();

  function tagOf(kind: string, name: string): Tag {
    const known = tags.get(`${kind}/${name}`);
    if (known !== undefined) return known;
    const tag = { kind, name, held: readNote(notes, noteName(kind, name)), unsaved: new Set<string>() };
    tags.set(`${kind}/${name}`, tag);
    return tag;
  }

  /** Another process may check the same tag, and share the folder: what it noted of other servers stays. */
  function save({ kind, name, held, unsaved }: Tag): void {
    if (unsaved.size === 0) return;
    try {
      const noted = readNote(notes, noteName(kind, name));
      for (const server of unsaved) enter(noted, server, held.get(server));
      notes.set(noteName(kind, name), noted.size === 0 ? undefined : Object.fromEntries(noted));
      unsaved.clear();
    } catch (error) {
      logger.error(`${kind} ${name}: who is held down is known only until this process ends: ${errorText(error)}`);
    }
  }

  /** What is known of recoveries is not worth more than the store's last answer. */
  function saidOf({ kind, name }: Tag, server: string): Said | undefined {
    const orders = book();
    if (orders?.current !== true) return undefined;
    return { store: orders.source, ids: orders.recoveries({ kind, tag: name, server }) };
  }

  function reviewTag(tag: Tag): readonly string[] {
    const released: string[] = [];
    for (const [server, held] of [...tag.held]) {
      const now = saidOf(tag, server);
      const verdict = now === undefined ? "stays" : compare(held.said, now);
      if (verdict === "stays") continue;
      enter(tag.held, server, verdict === "begins" ? { ...held, said: now } : undefined);
      tag.unsaved.add(server);
      if (verdict === "ends") released.push(`${tag.kind} ${tag.name}: ${server}`);
    }
    save(tag);
    return released;
  }

  return {
    of(kind, name) {
      const tag = tagOf(kind, name);
      return {
        held: (server) => tag.held.get(server)?.reason,
        hold(server, reason) {
          if (tag.held.has(server)) return;
          tag.held.set(server, { reason, said: saidOf(tag, server) });
          tag.unsaved.add(server);
          save(tag);
        },
      };
    },
    release(kind, name) {
      const tag = tagOf(kind, name);
      const servers = [...tag.held.keys()];
      tag.held.clear();
      for (const server of servers) tag.unsaved.add(server);
      save(tag);
      return servers;
    },
    review: () => [...tags.values()].flatMap(reviewTag),
  };
}

/** An id that is gone (removed by hand, a store that was restored) lets nobody go: only a new one is somebody's word. */
function compare(before: Said | undefined, { store, ids }: Said): "begins" | "stays" | "ends" {
  if (before === undefined || before.store !== store) return "begins";
  return ids.some((id) => !before.ids.includes(id)) ? "ends" : "stays";
}

function enter(held: Map<string, Held>, server: string, what: Held | undefined): void {
  if (what === undefined) held.delete(server);
  else held.set(server, what);
}

function noteName(kind: string, tag: string): string {
  return `held ${kind}/${tag}`;
}

/** Throws E_FILE for anything that is not wholly understood: it must not be read as "nobody is held". */
function readNote(notes: Notes, name: string): Map<string, Held> {
  const value = notes.get(name);
  if (value === undefined) return new Map();
  if (!isRecord(value)) throw damaged(notes.path(name));
  return new Map(
    Object.entries(value).map(([server, held]) => {
      if (!isHeld(held)) throw damaged(notes.path(name));
      return [server, held];
    }),
  );
}

function isHeld(value: unknown): value is Held {
  if (!isRecord(value) || typeof value["reason"] !== "string") return false;
  const said = value["said"];
  if (said === undefined) return true;
  return isRecord(said) && typeof said["store"] === "string" && isTexts(said["ids"]);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
