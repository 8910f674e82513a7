import type { Logger } from "../core/logger.ts";
import type { Seat } from "./seat.ts";

/** What a question is about: a tag as a whole, or one server of it. */
export interface Meant {
  readonly seat: Seat;
  /** `host:port` */
  readonly server: string | undefined;
  /** `kind/tag`, or `kind/tag@host:port` */
  readonly who: string;
}

/** Reads the words of HAProxy's `agent-send`: `tag`, `kind/tag` or `kind/tag/host:port`. */
export interface Signs {
  /** Undefined: nobody is meant, which is told in the log, once. */
  read(words: string): Meant | undefined;
}

/** What signs are read by. */
export interface SignsDeps {
  /** The same array as long as the tags are the same. */
  readonly seats: () => readonly Seat[];
  readonly defaultWords: string | undefined;
  readonly logger: Logger;
}

/** So many different questions are remembered, and so many that mean nobody are told of: anybody may ask anything. */
const MOST_REMEMBERED = 10_000;
const MOST_TOLD = 20;

/** What was read once is remembered until the tags change. */
export function createSigns({ seats, defaultWords, logger }: SignsDeps): Signs {
  let listed: readonly Seat[] = [];
  let known = new Map<string, Meant>();
  const told = new Set<string>();

  function tell(words: string, problem: string): undefined {
    if (told.size >= MOST_TOLD || told.has(words)) return;
    told.add(words);
    logger.warn(`the agent was asked for ${words === "" ? "nothing" : JSON.stringify(words)}: ${problem}`);
  }

  function search(words: string): Meant | undefined {
    const [only, ...others] = listed;
    if (only === undefined) return undefined;
    if (words === "" && others.length === 0) return meantBy(only);
    if (words === "") return tell("", 'there are several tags, so it has no opinion; use agent-send "tag\\n"');
    const found = findSeat(listed, words);
    if (found === undefined) return tell(words, "there is no such tag here, so it has no opinion");
    if (found !== "several") return found;
    return tell(words, "several kinds have this tag, so it has no opinion; agent-send kind/tag tells which is meant");
  }

  return {
    read(words) {
      if (seats() !== listed) {
        listed = seats();
        known = new Map();
      }
      const asked = words === "" && defaultWords !== undefined ? defaultWords : words;
      const before = known.get(asked);
      if (before !== undefined) return before;
      const meant = search(asked);
      if (meant !== undefined && known.size < MOST_REMEMBERED) known.set(asked, meant);
      return meant;
    },
  };
}

function findSeat(seats: readonly Seat[], words: string): Meant | "several" | undefined {
  const [first = "", second, ...rest] = words.split("/");
  if (second === undefined) {
    const same = seats.filter(({ tag }) => tag === first);
    const [only] = same;
    if (same.length > 1) return "several";
    return only === undefined ? undefined : meantBy(only);
  }
  const seat = seats.find(({ kind, tag }) => kind === first && tag === second);
  if (seat === undefined) return undefined;
  return rest.length === 0 ? meantBy(seat) : meantBy(seat, rest.join("/"));
}

function meantBy(seat: Seat, server?: string): Meant {
  const { kind, tag } = seat;
  return { seat, server, who: server === undefined ? `${kind}/${tag}` : `${kind}/${tag}@${server}` };
}
