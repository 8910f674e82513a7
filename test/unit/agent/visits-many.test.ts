import { describe, expect, test } from "vitest";
import { createUnread } from "../../../src/agent/unread.ts";
import { systemClock } from "../../../src/lib/system-clock.ts";
import type { AgentClient } from "../../support/agent-client.ts";
import { createLook, stageVisits, type VisitStage } from "../../support/agent-visits.ts";
import { eventually } from "../../support/eventually.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { standStill } from "../../support/stand-still.ts";

async function answeredVisitor(stage: VisitStage): Promise<AgentClient> {
  const client = await stage.visitor();
  // With something behind the line, so that it is waited for until it closes.
  client.socket.write("slave1\nand more");
  await client.answer();
  return client;
}

/** Whoever was dropped is reset as soon as he writes again. */
async function isDropped(client: AgentClient): Promise<void> {
  await eventually("the client was dropped", () => {
    if (!client.ended && !client.broken) return false;
    client.socket.write("?");
    return client.broken;
  });
}

async function understands(client: AgentClient): Promise<void> {
  client.socket.write("slave2\nand more");
  expect(await client.answer()).toBe("you asked for slave2\n");
}

describe("where there is room for three, a fourth", () => {
  test("takes the place of who was answered first", async () => {
    const stage = await stageVisits({ clock: createFakeClock(), most: 3 });
    const silent = await stage.visitor();
    const first = await answeredVisitor(stage);
    const second = await answeredVisitor(stage);
    const fourth = await stage.visitor();
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 2, dropped: 1 });
    await isDropped(first);
    expect(second.broken).toBe(false);
    for (const client of [silent, fourth]) await understands(client);
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 4, dropped: 1 });
  });

  test("takes the place of who came first, where nobody was answered", async () => {
    const stage = await stageVisits({ clock: createFakeClock(), most: 3 });
    const first = await stage.visitor();
    const second = await stage.visitor();
    const third = await stage.visitor();
    const fourth = await stage.visitor();
    await isDropped(first);
    expect(first.bytes).toBe("");
    for (const client of [second, third, fourth]) await understands(client);
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 3, dropped: 1 });
  });

  test("takes the place of who was answered first, where there is only one answer", async () => {
    const stage = await stageVisits({ clock: createFakeClock(), most: 3, single: true });
    const first = await stage.visitor();
    const others = [await stage.visitor(), await stage.visitor(), await stage.visitor()];
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 4, dropped: 1 });
    await isDropped(first);
    for (const client of others) expect(await client.answer()).toBe("you asked for \n");
  });

  test("takes the place of who came first, where all answers are still looked for", async () => {
    const look = createLook();
    const stage = await stageVisits({ clock: createFakeClock(), most: 3, single: true, answer: () => look.answer });
    const first = await stage.visitor();
    const others = [await stage.visitor(), await stage.visitor(), await stage.visitor()];
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 0, dropped: 1 });
    look.find("up\n");
    for (const client of others) expect(await client.answer()).toBe("up\n");
    await isDropped(first);
    expect(first.bytes).toBe("");
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 3, dropped: 1 });
  });

  test("a hundred more take a hundred places, and the last three are there", async () => {
    const stage = await stageVisits({ clock: createFakeClock(), most: 3 });
    const clients: AgentClient[] = [];
    for (let count = 0; count < 103; count += 1) clients.push(await stage.visitor());
    expect(stage.visits.counters).toMatchObject({ open: 3, answered: 0, dropped: 100 });
    for (const client of clients.slice(-3)) await understands(client);
  });
});

test("of those who go on sending so many are left alone and no more, until one of them goes", async () => {
  const unread = createUnread(1);
  const stage = await stageVisits({ clock: createFakeClock() });
  const sockets = [await stage.visitor(), await stage.visitor(), await stage.visitor()].map(({ socket }) => socket);
  const [first, second, third] = sockets;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three have come");
  unread.leave(first);
  expect(first.isPaused()).toBe(true);
  expect(first.destroyed).toBe(false);
  unread.leave(second);
  expect(second.destroyed).toBe(true);
  unread.forget(first);
  unread.leave(third);
  expect(third.destroyed).toBe(false);
});

describe("when all is to end", () => {
  test("who has asked is read and answered first, who has not is answered too", async () => {
    const stage = await stageVisits({ clock: systemClock });
    const clients = [await stage.visitor(), await stage.visitor()];
    clients[0]?.socket.write("slave1\n");
    standStill(20);
    const ended = stage.visits.end();
    expect(await Promise.all(clients.map((client) => client.answer()))).toEqual([
      "you asked for slave1\n",
      "you asked for \n",
    ]);
    await ended;
    expect(stage.visits.counters).toMatchObject({ answered: 2, dropped: 0 });
  });

  test("who asks slowly is waited for", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    const ended = stage.visits.end();
    for (const [at, byte] of [..."slave1\n"].entries()) {
      await clock.advance(90);
      client.socket.write(byte);
      await stage.hasRead(at + 1);
    }
    expect(await client.answer()).toBe("you asked for slave1\n");
    await clock.advance(300);
    await ended;
  });

  test("who closes is not waited for", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await answeredVisitor(stage);
    const ended = stage.visits.end();
    client.socket.end();
    await eventually("he has gone", () => stage.visits.counters.open === 0);
    await clock.advance(5);
    await ended;
  });

  test("who does not close is let go of after 250 ms and not before", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await answeredVisitor(stage);
    const ended = stage.visits.end();
    await clock.advance(245);
    expect(stage.visits.counters.open).toBe(1);
    await clock.advance(10);
    await ended;
    await eventually("it was let go of", () => stage.visits.counters.open === 0);
    expect(client.bytes).toBe("you asked for slave1\n");
    expect(clock.sleepers).toBe(0);
  });

  test("an answer that is looked for is waited for", async () => {
    const clock = createFakeClock();
    const look = createLook();
    const stage = await stageVisits({ clock, answer: () => look.answer });
    const client = await stage.visitor();
    client.socket.write("slave1\n");
    await eventually("it was asked", () => stage.asked.length === 1);
    const ended = stage.visits.end();
    await clock.advance(1_500);
    expect(stage.visits.counters.open).toBe(1);
    look.find("up\n");
    expect(await client.answer()).toBe("up\n");
    await clock.advance(300);
    await ended;
    expect(stage.visits.counters).toMatchObject({ answered: 1, dropped: 0 });
  });

  test("an answer that is never found is not waited for beyond two seconds", async () => {
    const clock = createFakeClock();
    const look = createLook();
    const stage = await stageVisits({ clock, answer: () => look.answer });
    const client = await stage.visitor();
    client.socket.write("slave1\n");
    await eventually("it was asked", () => stage.asked.length === 1);
    const ended = stage.visits.end();
    await clock.advance(2_300);
    await ended;
    expect(await client.answer()).toBe("");
    await eventually("all have gone", () => stage.visits.counters.open === 0);
    look.find("up\n");
    await clock.advance(100);
    expect(stage.visits.counters).toMatchObject({ open: 0, answered: 0 });
  });
});
