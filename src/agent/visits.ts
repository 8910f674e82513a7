import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";

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
  /** Answers who still asks, and ends all; resolves when all have gone or were dropped. */
  end(): Promise<void>;
}

/** How long and how much. */
const LIMITS = {
  /** Until a question has begun and is whole, ms: HAProxy sends it with the connection. Then what came is answered. */
  askMs: 100,
  /** Until a client that was answered closes its side, ms. */
  lingerMs: 2_000,
  questionBytes: 512,
  /** Of what is sent beside the question and thrown away; a client that goes on is cut off. */
  wasteBytes: 65_536,
  /** When all is to end, ms. */
  partingMs: 250,
} as const;

/** How often it is looked who has taken too long, ms. */
const SWEEP_MS = 20;

const LINE_END = /[\r\n\0]/;

interface Visit {
  readonly socket: Socket;
  sinceMs: number;
  words: string;
}

/** Holds at most `most` at a time: beyond that the oldest goes, one that was answered before one that was not. */
export function createVisits(desk: AgentDesk, clock: Clock, most: number): Visits {
  /** Both in the order of their age, so that only the first ones need be looked at. */
  const asking = new Map<Socket, Visit>();
  const parting = new Map<Socket, Visit>();
  const stop = new AbortController();
  let sweeping = false;
  let thinking = 0;
  const counters = {
    answered: 0,
    dropped: 0,
    get open() {
      return asking.size + parting.size + thinking;
    },
  };

  function onData(this: Socket, chunk: Buffer): void {
    const visit = asking.get(this);
    if (visit === undefined) {
      if (this.bytesRead > LIMITS.wasteBytes) this.destroy();
      return;
    }
    visit.words += chunk.toString("latin1", 0, LIMITS.questionBytes);
    if (LINE_END.test(visit.words) || visit.words.length >= LIMITS.questionBytes) answer(visit);
  }

  function onEnd(this: Socket): void {
    const visit = asking.get(this);
    if (visit !== undefined) answer(visit);
  }

  function onClose(this: Socket): void {
    asking.delete(this);
    parting.delete(this);
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
    thinking += 1;
    const line = await said;
    thinking -= 1;
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
    const [oldest] = parting.size > 0 ? parting.keys() : asking.keys();
    counters.dropped += 1;
    oldest?.destroy();
    if (oldest !== undefined) onClose.call(oldest);
  }

  function sweep(nowMs: number): void {
    for (const visit of olderThan(asking, nowMs - LIMITS.askMs)) answer(visit);
    for (const { socket } of olderThan(parting, nowMs - LIMITS.lingerMs)) socket.destroy();
  }

  async function keepSweeping(): Promise<void> {
    sweeping = true;
    while (counters.open > 0 && (await slept(SWEEP_MS, clock, stop.signal))) sweep(clock.monotonicMs());
    sweeping = false;
  }

  return {
    counters,
    begin(socket) {
      if (counters.open >= most) makeRoom();
      socket.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onError);
      const visit: Visit = { socket, sinceMs: clock.monotonicMs(), words: "" };
      if (desk.single) answer(visit);
      else asking.set(socket, visit);
      if (!sweeping) void keepSweeping();
    },
    async end() {
      for (const visit of [...asking.values()]) answer(visit);
      const endsMs = clock.monotonicMs() + LIMITS.partingMs;
      while (counters.open > 0 && clock.monotonicMs() < endsMs) await clock.sleep(5, stop.signal);
      stop.abort(new Error("the agent port is closed"));
      for (const socket of [...parting.keys(), ...asking.keys()]) socket.destroy();
    },
  };
}

function firstLine(words: string): string {
  if (words === "") return "";
  const [first = ""] = words.slice(0, LIMITS.questionBytes).split(LINE_END, 1);
  return first.trim();
}

function* olderThan(visits: ReadonlyMap<Socket, Visit>, bornMs: number): Generator<Visit> {
  for (const visit of visits.values()) {
    if (visit.sinceMs > bornMs) return;
    yield visit;
  }
}

/** False: the signal aborted. */
async function slept(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
