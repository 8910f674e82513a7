import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { createRow, type Place } from "./rows.ts";
import { createSweeper, untilOver } from "./sweep.ts";
import { createUnread } from "./unread.ts";
import { firstLine, isWhole, wordsWith } from "./words.ts";

/** What HAProxy asked, and who asked. */
export interface Question {
  /** The first line of what it sent (`agent-send`), "" for nothing. */
  readonly words: string;
  /** Its address, or `unix`. Asked for only when it matters: it costs a system call. */
  from(): string;
}

/** Who answers. */
export interface AgentDesk {
  /** There is only one answer to give: it is given at once, without waiting for a question. */
  readonly single: boolean;
  /** The whole line with its end; a promise only where each question is a fresh look. Never throws, never rejects. */
  answer(question: Question): string | Promise<string>;
}

/** What happened so far, and how it is now. */
export interface VisitCounters {
  answered: number;
  /** Connections that were dropped to make room for newer ones. */
  dropped: number;
  readonly open: number;
}

/** The open connections: each asks or does not, is answered once, and has to go. */
export interface Visits {
  readonly counters: VisitCounters;
  /** Begins with a socket that was accepted paused. */
  begin(socket: Socket): void;
  /** Waits until all were answered, and ends all; resolves when all have gone or were dropped. Nobody may begin any more. */
  end(): Promise<void>;
}

/** How long and how much. */
const LIMITS = {
  /** Until a question begins or goes on, ms: HAProxy sends it with the connection. Then what came is answered. */
  askMs: 100,
  /** Until it is whole, ms, however steadily it comes. */
  wholeMs: 1_000,
  /** Until a client that was answered closes its side, ms. */
  lingerMs: 2_000,
  /** Of what is sent beside the question and thrown away. What comes behind is left in the network, unread. */
  wasteBytes: 65_536,
  /** Clients of which something is left unread: each holds a piece of memory, so that more of them are cut off. */
  unread: 500,
  /**
   * So many who were answered before they said anything are not listened to until the next sweep. HAProxy goes with a
   * reset as soon as it has its line, and a reset that is read is an error to make, with its stack: a tenth of all work.
   */
  unheard: 2_000,
  /** When all is to end: for questions that come and answers that are looked for, longer than a desk is patient, ms. */
  answerMs: 2_000,
  /** And then for clients to close their side, ms. */
  partingMs: 250,
} as const;

const NEWLINE = "\n".charCodeAt(0);

interface Visit extends Place<Visit> {
  readonly socket: Socket;
  readonly bornMs: number;
  /** When it last did something that gives it more time. */
  sinceMs: number;
  words: string;
  /** It has sent something, and nothing behind its line. */
  isDone: boolean;
  /** What it says is read. */
  isHeard: boolean;
}

/**
 * Holds at most `most` at a time: beyond that the oldest goes, one that was answered before one that was not. All stand
 * in rows in the order of their age, so that only the first ones need be looked at.
 */
export function createVisits(desk: AgentDesk, clock: Clock, most: number): Visits {
  const asking = createRow<Visit>();
  const thinking = createRow<Visit>();
  const parting = createRow<Visit>();
  const unheard = createRow<Visit>();
  const unread = createUnread(LIMITS.unread);
  const sweeper = createSweeper(() => counters.open > 0, sweep, clock);
  const counters = {
    answered: 0,
    dropped: 0,
    get open() {
      return asking.size + thinking.size + parting.size + unheard.size;
    },
  };

  function listen(visit: Visit): void {
    listenTo(visit, hear, () => visit.row === asking && answer(visit));
  }

  function hear(visit: Visit, chunk: Buffer): void {
    if (visit.row !== asking) {
      if (visit.socket.bytesRead > LIMITS.wasteBytes) unread.leave(visit.socket);
      return;
    }
    visit.words = wordsWith(visit.words, chunk);
    visit.isDone = chunk.at(-1) === NEWLINE;
    if (isWhole(visit.words) || clock.monotonicMs() - visit.bornMs >= LIMITS.wholeMs) {
      answer(visit);
      return;
    }
    asking.leave(visit);
    visit.sinceMs = clock.monotonicMs();
    asking.join(visit);
  }

  function forget(visit: Visit): void {
    visit.row?.leave(visit);
    unread.forget(visit.socket);
  }

  function letGo(visit: Visit): void {
    visit.socket.destroy();
    forget(visit);
  }

  function answer(visit: Visit): void {
    asking.leave(visit);
    const said = desk.answer({ words: firstLine(visit.words), from: () => visit.socket.remoteAddress ?? "unix" });
    if (typeof said === "string") say(visit, said);
    else void sayLater(visit, said);
  }

  async function sayLater(visit: Visit, said: Promise<string>): Promise<void> {
    thinking.join(visit);
    if (!visit.isHeard) listen(visit);
    const line = await said;
    thinking.leave(visit);
    say(visit, line);
  }

  function say(visit: Visit, line: string): void {
    if (visit.socket.destroyed) return;
    counters.answered += 1;
    visit.socket.end(line, "latin1");
    // All that it had to say was read, so that closing resets nothing; and the reset it goes with need not be read.
    if (visit.isDone) visit.socket.destroySoon();
    visit.sinceMs = clock.monotonicMs();
    (visit.isHeard ? parting : unheard).join(visit);
  }

  /** Whoever is still there waits for the end, or has said something after all. */
  function hearOut(visit: Visit): void {
    if (hasGone(visit.socket)) {
      letGo(visit);
      return;
    }
    unheard.leave(visit);
    parting.join(visit);
    listen(visit);
  }

  function makeRoom(): void {
    const oldest = parting.first ?? unheard.first ?? asking.first ?? thinking.first;
    counters.dropped += 1;
    if (oldest !== undefined) letGo(oldest);
  }

  function sweep(nowMs: number): void {
    whileThereIs(() => olderThan(asking.first, nowMs - LIMITS.askMs), answer);
    whileThereIs(() => olderThan(unheard.first, nowMs), hearOut);
    whileThereIs(() => olderThan(parting.first, nowMs - LIMITS.lingerMs), letGo);
  }

  return {
    counters,
    begin(socket) {
      if (counters.open >= most) makeRoom();
      const visit = arrived(socket, clock.monotonicMs());
      socket.on("close", () => forget(visit)).on("error", onError);
      const isSingle = desk.single;
      if (!isSingle || unheard.size >= LIMITS.unheard) listen(visit);
      if (isSingle) answer(visit);
      else asking.join(visit);
      sweeper.wake();
    },
    async end() {
      await untilOver(() => asking.size + thinking.size === 0, LIMITS.answerMs, clock);
      await untilOver(() => counters.open === 0, LIMITS.partingMs, clock);
      sweeper.stop();
      for (const row of [asking, thinking, parting, unheard]) whileThereIs(() => row.first, letGo);
    },
  };
}

function listenTo(visit: Visit, hear: (visit: Visit, chunk: Buffer) => void, end: () => unknown): void {
  visit.isHeard = true;
  visit.socket
    .on("data", (chunk: Buffer) => hear(visit, chunk))
    .on("end", end)
    .resume();
}

function arrived(socket: Socket, nowMs: number): Visit {
  return {
    socket,
    bornMs: nowMs,
    sinceMs: nowMs,
    words: "",
    isDone: false,
    isHeard: false,
    // not by spreading: it is done for each connection
    row: undefined,
    before: undefined,
    after: undefined,
  };
}

/**
 * A connection that was reset, or closed by both, has no peer any more (getpeername(2): ENOTCONN): so it is known without
 * reading. A unix socket has neither address.
 */
function hasGone(socket: Socket): boolean {
  return socket.remoteAddress === undefined && socket.localAddress !== undefined;
}

/** The client has gone: whatever the reason, it is its own affair. */
function onError(this: Socket): void {
  this.destroy();
}

function olderThan(visit: Visit | undefined, bornMs: number): Visit | undefined {
  return visit !== undefined && visit.sinceMs <= bornMs ? visit : undefined;
}

/** Each of them has to have left the place where it was found. */
function whileThereIs(find: () => Visit | undefined, act: (visit: Visit) => void): void {
  for (let visit = find(); visit !== undefined; visit = find()) act(visit);
}
