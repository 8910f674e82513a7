import { existsSync, readdirSync } from "node:fs";
import type { NetConnectOpts } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type AgentClient, askOnce, connectClient } from "../support/agent-client.ts";
import { openAgentDoor } from "../support/agent-door.ts";
import { createLook } from "../support/agent-visits.ts";
import { eventually } from "../support/eventually.ts";
import { standStill } from "../support/stand-still.ts";
import { tempDir } from "../support/temp-dir.ts";

const MEGABYTES = Buffer.alloc(2_097_152, "x");

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

async function several(count: number, places: readonly NetConnectOpts[]): Promise<readonly AgentClient[]> {
  const clients = places.flatMap((to) => Array.from({ length: count }, () => connectClient(to)));
  return Promise.all(clients);
}

describe("close", () => {
  test.each<[string, (client: AgentClient) => void, string]>([
    ["has asked", ({ socket }) => void socket.write("slave1\n"), "up #slave1\n"],
    ["has not asked yet", () => {}, "up #\n"],
    ["does not read", ({ socket }) => void socket.pause().write("slave1\n"), "up #slave1\n"],
    ["talks without end", ({ socket }) => void socket.write(MEGABYTES), `up #${"x".repeat(512)}\n`],
  ])("answers everybody who %s, and leaves nothing open", async (_, does, line) => {
    const path = join(tempDir(), "agent.sock");
    const { agent, to } = await openAgentDoor({ binds: [{ path }] });
    const withTwoDoors = openFiles();
    const clients = await several(50, [to, { path }]);
    for (const client of clients) does(client);
    await agent.close();
    expect(agent.counters()).toEqual({ answered: 100, dropped: 0, refused: 0, open: 0 });
    for (const client of clients) {
      client.socket.resume();
      expect(await client.answer()).toBe(line);
      client.socket.destroy();
    }
    expect(existsSync(path)).toBe(false);
    await expect(askOnce(to, "slave1\n")).rejects.toThrow("ECONNREFUSED");
    await eventually("every file was given back", () => openFiles() <= withTwoDoors - 2);
  });

  test("answers also who was let in by the system only", async () => {
    const { agent, to } = await openAgentDoor();
    const letIn: Promise<AgentClient>[] = Array.from({ length: 100 }, () => connectClient(to));
    for (const coming of letIn) void coming.then(({ socket }) => socket.write("slave1\n"));
    // the clients connect in the next tick, and nobody here can let them in before that is over
    await Promise.resolve();
    process.nextTick(() => standStill(100));
    await agent.close();
    const answers = await Promise.all(letIn.map(async (coming) => (await coming).answer()));
    expect(new Set(answers)).toEqual(new Set(["up #slave1\n"]));
    expect(agent.counters().answered).toBe(100);
  });

  test("waits for an answer that is looked for, and for one that is never found no longer than that", async () => {
    const looks = new Map([
      ["found", createLook()],
      ["lost", createLook()],
    ]);
    const { agent, to, asked } = await openAgentDoor({ answer: (words) => looks.get(words)?.answer ?? "?\n" });
    const found = await connectClient(to);
    const lost = await connectClient(to);
    found.socket.write("found\n");
    lost.socket.write("lost\n");
    await eventually("both have asked", () => asked.length === 2);
    const closed = agent.close();
    looks.get("found")?.find("up\n");
    expect(await found.answer()).toBe("up\n");
    await closed;
    expect(await lost.answer()).toBe("");
    expect(agent.counters()).toMatchObject({ answered: 1, open: 0 });
  });

  test("may be called twice, and both are told when it is done", async () => {
    const { agent, to } = await openAgentDoor();
    const client = await connectClient(to);
    client.socket.write("slave1\n");
    await Promise.all([agent.close(), agent.close()]);
    expect(await client.answer()).toBe("up #slave1\n");
    await agent.close();
  });

  test("comes to its end also while clients come without end", async () => {
    const { agent, to } = await openAgentDoor();
    let isOver = false;
    let answered = 0;
    const comeAgain = async (): Promise<void> => {
      while (!isOver) {
        const answer = await askOnce(to, "slave1\n").catch(() => "refused");
        if (answer === "up #slave1\n") answered += 1;
        if (answer === "refused") return;
      }
    };
    const clients = Array.from({ length: 20 }, comeAgain);
    await eventually("some were answered", () => answered > 100);
    await agent.close();
    isOver = true;
    await Promise.all(clients);
    expect(agent.counters().open).toBe(0);
  });
});
