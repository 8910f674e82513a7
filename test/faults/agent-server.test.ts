import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type AgentClient, askOnce, connectClient } from "../support/agent-client.ts";
import { type AgentDoor, openAgentDoor } from "../support/agent-door.ts";
import { eventually } from "../support/eventually.ts";

const MEGABYTES = Buffer.alloc(4_194_304, "x");
const CLIENTS = 50;

/** What a client does as soon as it is connected, and what it is told if it reads. */
interface Nuisance {
  readonly does: (client: AgentClient) => void;
  readonly hears?: RegExp;
}

const NUISANCES: Readonly<Record<string, Nuisance>> = {
  "connect and say nothing": { does: () => {}, hears: /^up #\n$/ },
  "send bytes without a meaning": { does: ({ socket }) => void socket.write(noise(200)), hears: /^up #[^\n]*\n$/s },
  "send megabytes without a line end": { does: ({ socket }) => void socket.write(MEGABYTES), hears: /^up #x{512}\n$/ },
  "send megabytes behind their question": {
    does: ({ socket }) => {
      socket.write("slave9\n");
      socket.write(MEGABYTES);
    },
    hears: /^up #slave9\n$/,
  },
  "send a million lines": {
    does: ({ socket }) => void socket.write("slave9\n".repeat(500_000)),
    hears: /^up #slave9\n$/,
  },
  "ask without a line end and close their side, as printf into nc": {
    does: ({ socket }) => void socket.end("slave9"),
    hears: /^up #slave9\n$/,
  },
  "never read": {
    does: ({ socket }) => {
      socket.pause();
      socket.write("slave9\n");
    },
  },
  "break off at once": { does: ({ socket }) => void socket.resetAndDestroy() },
  "break off in the middle of a question": {
    does: ({ socket }) => void socket.write("sla", () => socket.resetAndDestroy()),
  },
  "break off when they have asked": {
    does: ({ socket }) => void socket.write("slave9\n", () => socket.resetAndDestroy()),
  },
  "break off with their answer": {
    does: ({ socket }) => {
      socket.write("slave9\n");
      socket.once("data", () => socket.resetAndDestroy());
    },
  },
  "break off in the middle of megabytes": {
    does: ({ socket }) => {
      socket.write(MEGABYTES);
      socket.once("data", () => socket.resetAndDestroy());
    },
  },
};

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

function noise(bytes: number): Buffer {
  return Buffer.from(randomBytes(bytes).map((byte) => (byte === 10 || byte === 13 || byte === 0 ? 1 : byte)));
}

async function crowd({ to }: AgentDoor, { does }: Nuisance): Promise<readonly AgentClient[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectClient(to)));
  for (const client of clients) does(client);
  return clients;
}

describe("everybody is answered for whom he asked while fifty clients", () => {
  test.each(Object.entries(NUISANCES))("%s", async (_, nuisance) => {
    const door = await openAgentDoor();
    const clients = await crowd(door, nuisance);
    for (const words of ["slave1", "slave2", "slave3"]) {
      expect(await askOnce(door.to, `${words}\n`)).toBe(`up #${words}\n`);
    }
    if (nuisance.hears !== undefined) {
      for (const client of clients) {
        expect(await client.answer()).toMatch(nuisance.hears);
        expect(client).toMatchObject({ ended: true, broken: false });
      }
    }
    expect(door.agent.counters().dropped).toBe(0);
    expect(door.logger.messages()).toEqual([]);
  });
});

test("all of them are let go of, also who never closes, and every file is given back", async () => {
  const door = await openAgentDoor();
  const before = openFiles();
  const clients = (await Promise.all(Object.values(NUISANCES).map((nuisance) => crowd(door, nuisance)))).flat();
  await eventually("nobody is there any more", () => door.agent.counters().open === 0);
  expect(door.agent.counters()).toMatchObject({ dropped: 0, refused: 0, open: 0 });
  for (const { socket } of clients) socket.destroy();
  await eventually("every file was given back", () => openFiles() <= before);
});

test("where there is only one answer, who talks without end has it as well", async () => {
  const door = await openAgentDoor({ single: true });
  const clients = await crowd(door, { does: ({ socket }) => void socket.write(MEGABYTES) });
  for (const client of clients) expect(await client.answer()).toBe("up #\n");
  expect(clients.filter(({ broken }) => broken)).toEqual([]);
});
