import { withDeadline } from "../src/lib/deadline.ts";

/** The parts of the tour that things are seen at. */
export type Source = "checkers" | "entry" | "file" | "render" | "haproxy" | "client" | "server" | "sentinel";

/** Something that was really seen: a line of a log, a changed file, an answer. */
export interface Sighting {
  readonly source: Source;
  /** A log's message, the server that an entry names, those that are new in the file, who answered. */
  readonly text: string;
  /** The kind of the entry or of the client. */
  readonly kind: string;
  /** When it was seen, as performance.now() tells it. */
  readonly atMs: number;
}

/** What was seen so far, and what will be. */
export interface News {
  tell(source: Source, text: string, kind?: string): void;
  /** Calls `listener` with each sighting from now on. */
  listen(listener: (sighting: Sighting) => void): void;
  /**
   * The first sighting since `sinceMs` that fits. Throws E_TIMEOUT that names `what` when none comes, and the
   * stop signal's reason when that comes first.
   */
  until(what: string, fits: (sighting: Sighting) => boolean, sinceMs?: number): Promise<Sighting>;
}

/** Generous: it only passes when something is broken. */
const DEADLINE_MS = 15_000;

/** Starts with nothing seen. */
export function createNews(stop: AbortSignal): News {
  const seen: Sighting[] = [];
  const listeners = new Set<(sighting: Sighting) => void>();
  return {
    tell(source, text, kind = "") {
      const sighting = { source, text, kind, atMs: performance.now() };
      seen.push(sighting);
      for (const listener of listeners) listener(sighting);
    },
    listen: (listener) => void listeners.add(listener),
    async until(what, fits, sinceMs = 0) {
      const before = seen.find((sighting) => sighting.atMs >= sinceMs && fits(sighting));
      if (before !== undefined) return before;
      let listener: (sighting: Sighting) => void = () => {};
      const next = new Promise<Sighting>((resolve) => {
        listener = (sighting) => void (fits(sighting) && resolve(sighting));
        listeners.add(listener);
      });
      return withDeadline(`waiting until ${what}`, DEADLINE_MS, stop, () => next).finally(() =>
        listeners.delete(listener),
      );
    },
  };
}
