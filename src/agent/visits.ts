import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
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
  /** When all is to end: for questions that come and answers that are looked for, longer than a desk is patient, ms. */
  answerMs: 2_000,
  /** And then for clients to close their side, ms. */
  partingMs: 250,
} as const;

interface Visit {
  readonly socket: Socket;
  readonly bornMs: number;
  /** When it last did something that gives it more time. */
  sinceMs: number;
  words: string;
}

/** Holds at most `most` at a time: beyond that the oldest goes, one that was answered before one that was not. */
export function createVisits(desk: AgentDesk, clock: Clock, most: number): Visits {
  /** All in the order of their age, so that only the first ones need be looked at. */
  const asking = new Map<Socket, Visit>();
  const thinking = new Map<Socket, Visit>();
  const parting = new Map<Socket, Visit>();
  const unread = createUnread(LIMITS.unread);
  const sweeper = createSweeper(() => counters.open > 0, sweep, clock);
  const counters = {
    answered: 0,
    dropped: 0,
    get open() {
      return asking.size + thinking.size + parting.size;
    },
  };

  function onData(this: Socket, chunk: Buffer): void {
    const visit = asking.get(this);
    if (visit === undefined) {
      if (this.bytesRead > LIMITS.wasteBytes) unread.leave(this);
      return;
    }
    visit.words = wordsWith(visit.words, chunk);
    const nowMs = clock.monotonicMs();
    if (isWhole(visit.words) || nowMs - visit.bornMs >= LIMITS.wholeMs) {
      answer(visit);
      return;
    }
    asking.delete(this);
    visit.sinceMs = nowMs;
    asking.set(this, visit);
  }

  function onEnd(this: Socket): void {
    const visit = asking.get(this);
    if (visit !== undefined) answer(visit);
  }

  function onClose(this: Socket): void {
    asking.delete(this);
    thinking.delete(this);
    parting.delete(this);
    unread.forget(this);
  }

  function letGo(socket: Socket): void {
    socket.destroy();
    onClose.call(socket);
  }

  /** The client has gone: whatever the reason, it is its own affair. */
  function onError(this: Socket): void {
    this.destroy();
  }

  function answer(visit: Visit): void {
    const { socket } = visit;
    asking.delete(socket);
    const said = desk.answer({ words: firstLine(visit.words), from: () => socket.remoteAddress ?? "unix" });
    if (typeof said === "string") say(visit, said);
    else void sayLater(visit, said);
  }

  async function sayLater(visit: Visit, said: Promise<string>): Promise<void> {
    thinking.set(visit.socket, visit);
    const line = await said;
    thinking.delete(visit.socket);
    say(visit, line);
  }

  function say(visit: Visit, line: string): void {
    const { socket } = visit;
    if (socket.destroyed) return;
    counters.answered += 1;
    socket.end(line, "latin1");
    visit.sinceMs = clock.monotonicMs();
    parting.set(socket, visit);
  }

  function makeRoom(): void {
    const [oldest] = [parting, asking, thinking].find(({ size }) => size > 0)?.keys() ?? [];
    if (oldest === undefined) return;
    counters.dropped += 1;
    letGo(oldest);
  }

  function sweep(nowMs: number): void {
    for (const visit of olderThan(asking, nowMs - LIMITS.askMs)) answer(visit);
    for (const { socket } of olderThan(parting, nowMs - LIMITS.lingerMs)) letGo(socket);
  }

  return {
    counters,
    begin(socket) {
      if (counters.open >= most) makeRoom();
      socket.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onError);
      const nowMs = clock.monotonicMs();
      const visit: Visit = { socket, bornMs: nowMs, sinceMs: nowMs, words: "" };
      if (desk.single) answer(visit);
      else asking.set(socket, visit);
      sweeper.wake();
    },
    async end() {
      await untilOver(() => asking.size + thinking.size === 0, LIMITS.answerMs, clock);
      await untilOver(() => counters.open === 0, LIMITS.partingMs, clock);
      sweeper.stop();
      for (const socket of [...asking.keys(), ...thinking.keys(), ...parting.keys()]) letGo(socket);
    },
  };
}

function* olderThan(visits: ReadonlyMap<Socket, Visit>, bornMs: number): Generator<Visit> {
  for (const visit of visits.values()) {
    if (visit.sinceMs > bornMs) return;
    yield visit;
  }
}
