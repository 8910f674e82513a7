import { createServer, type Socket } from "node:net";
import { type AgentDesk, createVisits, type Question, type Visits } from "../../src/agent/visits.ts";
import type { Clock } from "../../src/core/clock.ts";
import { type AgentClient, connectClient } from "./agent-client.ts";
import { eventually } from "./eventually.ts";
import { loopbackPrefix } from "./loopback.ts";
import { releaseLater } from "./releases.ts";

/** Real connections to visits. */
export interface VisitStage {
  readonly visits: Visits;
  /** What was asked, in order. */
  readonly asked: readonly string[];
  /** Connects; returns when the visit has begun. */
  visitor(): Promise<AgentClient>;
  /** Waits until so many bytes were read, of all visitors together. */
  hasRead(bytes: number): Promise<void>;
}

/** How it is set up. */
export interface VisitSetup {
  readonly clock: Clock;
  readonly most?: number;
  readonly single?: boolean;
  /** What is answered: `you asked for WORDS` by default. */
  readonly answer?: (question: Question) => string | Promise<string>;
}

const PORT = 21_950;

/** Listens until the test ends. */
export async function stageVisits({ clock, most = 100, single = false, answer }: VisitSetup): Promise<VisitStage> {
  const asked: string[] = [];
  const desk: AgentDesk = {
    single,
    answer(question) {
      asked.push(question.words);
      return answer?.(question) ?? `you asked for ${question.words}\n`;
    },
  };
  const visits = createVisits(desk, clock, most);
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    releaseLater("visit", () => void socket.destroy());
    visits.begin(socket);
    sockets.push(socket);
  });
  const to = { host: `${await loopbackPrefix()}.2`, port: PORT };
  releaseLater("visits", () => void server.close());
  await new Promise<void>((resolve) => server.listen({ ...to, backlog: 4_096 }, resolve));
  return {
    visits,
    asked,
    async visitor() {
      const before = sockets.length;
      const client = await connectClient(to);
      await eventually("the visit has begun", () => sockets.length > before);
      return client;
    },
    async hasRead(bytes) {
      await eventually(`${bytes} bytes were read`, () => sockets.reduce((sum, one) => sum + one.bytesRead, 0) >= bytes);
    },
  };
}

/** An answer that has to be looked for, and is found when the test says so. */
export function createLook(): { readonly answer: Promise<string>; find(line: string): void } {
  let find: (line: string) => void = () => {};
  const answer = new Promise<string>((resolve) => {
    find = resolve;
  });
  return { answer, find: (line) => find(line) };
}
