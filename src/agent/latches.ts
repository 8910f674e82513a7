import { errorText } from "../core/errors.ts";
import type { Latch } from "../core/latch.ts";
import type { Logger } from "../core/logger.ts";
import type { Notes } from "./notes.ts";
import type { OrderBook } from "./orders.ts";

/** Who is held down, of all tags. */
export interface Latches {
  of(kind: string, tag: string): Latch;
  /** Lets go of all servers of the tag; returns their names. */
  release(kind: string, tag: string): readonly string[];
  /** Lets go of those of whom somebody has said so since they were held; returns `kind tag: server`. */
  review(): readonly string[];
}

/** What latches work with. */
export interface LatchesDeps {
  readonly notes: Notes;
  /** Undefined while nobody's orders are followed. */
  readonly book: () => Pick<OrderBook, "known" | "recovery"> | undefined;
  readonly logger: Logger;
}

/**
 * Why a server is held, and what was said of recovery when it was: what is said later has another id, so that no clocks
 * need agree. `undefined`: it was not known then; the first that is known is taken for it.
 */
interface Held {
  readonly reason: string;
  readonly recovery: string | null | undefined;
}

type Tag = Map<string, Held>;

/** Reads a tag's note when it is first asked for. Throws E_FILE then, for one that is damaged. */
export function createLatches({ notes, book, logger }: LatchesDeps): Latches {
  const tags = new Map<string, Tag>();

  function tagOf(id: string): Tag {
    const known = tags.get(id);
    if (known !== undefined) return known;
    const read = readTag(notes.get(`held ${id}`));
    tags.set(id, read);
    return read;
  }

  function keep(id: string): void {
    const held = Object.fromEntries(tagOf(id));
    try {
      notes.set(`held ${id}`, Object.keys(held).length === 0 ? undefined : held);
    } catch (error) {
      logger.error(`${id}: who is held down is known only until this process ends: ${errorText(error)}`);
    }
  }

  /** null: the store has told, and nothing was ever said. */
  function recoveryOf(id: string, server: string): string | null | undefined {
    const orders = book();
    if (orders?.known !== true) return undefined;
    const [kind = "", tag = ""] = id.split("/");
    return orders.recovery({ kind, tag, server }) ?? null;
  }

  function reviewTag(id: string): readonly string[] {
    const tag = tagOf(id);
    const released: string[] = [];
    let changed = false;
    for (const [server, { reason, recovery }] of [...tag]) {
      const now = recoveryOf(id, server);
      if (now === undefined || now === recovery) continue;
      changed = true;
      if (recovery === undefined) {
        tag.set(server, { reason, recovery: now });
        continue;
      }
      tag.delete(server);
      released.push(`${id.replace("/", " ")}: ${server}`);
    }
    if (changed) keep(id);
    return released;
  }

  return {
    of(kind, name) {
      const id = `${kind}/${name}`;
      const tag = tagOf(id);
      return {
        held: (server) => tag.get(server)?.reason,
        hold(server, reason) {
          if (tag.has(server)) return;
          tag.set(server, { reason, recovery: recoveryOf(id, server) });
          keep(id);
        },
      };
    },
    release(kind, name) {
      const id = `${kind}/${name}`;
      const tag = tagOf(id);
      const servers = [...tag.keys()];
      tag.clear();
      if (servers.length > 0) keep(id);
      return servers;
    },
    review: () => [...tags.keys()].flatMap(reviewTag),
  };
}

function readTag(value: unknown): Tag {
  if (typeof value !== "object" || value === null) return new Map();
  return new Map(
    Object.entries(value).map(([server, held]: [string, Partial<Record<keyof Held, unknown>> | null]) => {
      const recovery = held?.recovery;
      const known = recovery === null || typeof recovery === "string" ? recovery : undefined;
      return [server, { reason: String(held?.reason ?? "it was down"), recovery: known }];
    }),
  );
}
