import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/lib/system-clock.ts";
import type { AgentClient } from "../../support/agent-client.ts";
import { createLook, stageVisits, type VisitStage } from "../../support/agent-visits.ts";
import { eventually } from "../../support/eventually.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { standStill } from "../../support/stand-still.ts";

/** A turn of the loop, and what came in it is taken in. */
function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function allHaveGone({ visits }: VisitStage): Promise<void> {
  await eventually("nobody is there any more", () => visits.counters.open === 0);
}

describe("a question is", () => {
  test.each([
    ["a line", "slave1\n", "slave1"],
    ["a line that ends as on Windows", "slave1\r\n", "slave1"],
    ["a line that ends in CR", "slave1\r", "slave1"],
    ["a line that ends in NUL", "slave1\0", "slave1"],
    ["a line with blanks around it", " slave1\t\n", "slave1"],
    ["the first of two lines", "slave1\nslave2\n", "slave1"],
    ["an empty line, whatever follows", "\nslave1\n", ""],
    ["whole with 512 bytes", "x".repeat(600), "x".repeat(512)],
    ["any bytes", "\x01\x80\xff\n", "\x01\x80\xff"],
  ])("%s", async (_, sent, words) => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.write(sent, "latin1");
    expect(await client.answer()).toBe(`you asked for ${words}\n`);
    expect(client.ended).toBe(true);
    expect(stage.asked).toEqual([words]);
  });

  test("cut off at 512 bytes also when it comes in pieces", async () => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.write("x".repeat(300));
    await stage.hasRead(300);
    client.socket.write("y".repeat(300));
    expect(await client.answer()).toBe(`you asked for ${"x".repeat(300)}${"y".repeat(212)}\n`);
  });

  test.each([
    ["whole when the client has closed its side", "slave1"],
    ["none when the client has closed its side without a word", ""],
  ])("%s", async (_, words) => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.end(words);
    expect(await client.answer()).toBe(`you asked for ${words}\n`);
    expect(stage.asked).toEqual([words]);
  });
});

describe("who takes his time", () => {
  test("and says nothing is answered as one who has no words, after 100 ms and not before", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    await clock.advance(100);
    expect(stage.asked).toEqual([]);
    await clock.advance(40);
    expect(stage.asked).toEqual([""]);
    expect(await client.answer()).toBe("you asked for \n");
  });

  test("and asks byte by byte is understood", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    for (const [at, byte] of [..."slave1\n"].entries()) {
      await clock.advance(90);
      client.socket.write(byte);
      await stage.hasRead(at + 1);
    }
    expect(await client.answer()).toBe("you asked for slave1\n");
    expect(stage.asked).toEqual(["slave1"]);
  });

  test("and leaves the line end out is answered by what came, 100 ms after it", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    await clock.advance(90);
    client.socket.write("slave1");
    await stage.hasRead(6);
    await clock.advance(100);
    expect(stage.asked).toEqual([]);
    await clock.advance(40);
    expect(await client.answer()).toBe("you asked for slave1\n");
  });

  test("and never comes to an end is answered after a second", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    for (let sent = 1; sent <= 10; sent += 1) {
      expect(stage.asked).toEqual([]);
      await clock.advance(99);
      client.socket.write("x");
      await stage.hasRead(sent);
    }
    await clock.advance(10);
    client.socket.write("x");
    expect(await client.answer()).toBe(`you asked for ${"x".repeat(11)}\n`);
  });

  test("while others come and go is answered in his turn", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const slow = await stage.visitor();
    await clock.advance(60);
    const silent = await stage.visitor();
    slow.socket.write("slave1");
    await stage.hasRead(6);
    await clock.advance(140);
    expect([await silent.answer(), await slow.answer()]).toEqual(["you asked for \n", "you asked for slave1\n"]);
    expect(stage.asked).toEqual(["", "slave1"]);
  });

  test("because this process stood still is not taken for one who says nothing", async () => {
    const stage = await stageVisits({ clock: systemClock });
    const client = await stage.visitor();
    client.socket.write("slave1\n");
    // the question is with the system by now, and the time for it is over before anybody can read it
    standStill(300);
    expect(await client.answer()).toBe("you asked for slave1\n");
  });
});

describe("where there is only one answer", () => {
  test("it is given at once, without a question and before one", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock, single: true });
    const client = await stage.visitor();
    expect(await client.answer()).toBe("you asked for \n");
    client.socket.end("slave1\nslave2\n");
    // what is said in spite of it changes nothing
    await clock.advance(60);
    await allHaveGone(stage);
    expect(stage.asked).toEqual([""]);
    expect(client.bytes).toBe("you asked for \n");
  });

  test.each([
    ["closes", (client: AgentClient) => client.socket.end()],
    ["resets, as HAProxy does", (client: AgentClient) => client.socket.resetAndDestroy()],
  ])("who %s is seen to go by the next sweep", async (_, go) => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock, single: true });
    const client = await stage.visitor();
    await client.answer();
    go(client);
    await clock.advance(60);
    await allHaveGone(stage);
    expect(stage.visits.counters).toMatchObject({ answered: 1, dropped: 0 });
  });

  test("who stays on and talks is let go of after two seconds and not before", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock, single: true });
    const client = await stage.visitor();
    await client.answer();
    client.socket.write("slave1\n");
    await clock.advance(1_960);
    expect(stage.visits.counters.open).toBe(1);
    await clock.advance(100);
    expect(stage.visits.counters.open).toBe(0);
  });

  test("who has to wait for it is listened to meanwhile", async () => {
    const look = createLook();
    const stage = await stageVisits({ clock: createFakeClock(), single: true, answer: () => look.answer });
    const client = await stage.visitor();
    client.socket.end("slave1\n");
    await stage.hasRead(7);
    look.find("up\n");
    expect(await client.answer()).toBe("up\n");
    await allHaveGone(stage);
  });

  test("of those who are there at the same moment all beyond two thousand are listened to at once", async () => {
    const stage = await stageVisits({ clock: createFakeClock(), single: true, most: 3_000 });
    const all = await Promise.all(Array.from({ length: 2_001 }, () => stage.visitor()));
    for (const { socket } of all) socket.end("slave1\n");
    await stage.hasRead(7);
    await eventually("one has gone", () => stage.visits.counters.open === 2_000);
    for (let n = 0; n < 3; n++) await turns();
    expect(stage.visits.counters.open).toBe(2_000);
  });
});

describe("who was answered", () => {
  test("and had nothing else to say is let go of at once", async () => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.write("slave1\n");
    expect(await client.answer()).toBe("you asked for slave1\n");
    await allHaveGone(stage);
    expect(client.broken).toBe(false);
  });

  test("and does not close is let go of after two seconds and not before", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    client.socket.write("slave1\nand more");
    await client.answer();
    await clock.advance(2_000);
    expect(stage.visits.counters).toMatchObject({ open: 1, answered: 1 });
    await clock.advance(40);
    await allHaveGone(stage);
    expect(stage.visits.counters).toMatchObject({ open: 0, answered: 1, dropped: 0 });
  });

  test("and closes is forgotten at once", async () => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.write("slave1\nand more");
    await client.answer();
    client.socket.end();
    await allHaveGone(stage);
  });

  test("and goes on sending is not read any more, and not cut off before his time", async () => {
    const clock = createFakeClock();
    const stage = await stageVisits({ clock });
    const client = await stage.visitor();
    client.socket.write("slave1\nand more");
    await client.answer();
    let isSent = false;
    client.socket.write(Buffer.alloc(8_388_608), () => {
      isSent = true;
    });
    await stage.hasRead(65_536);
    await clock.advance(1_900);
    expect(client).toMatchObject({ ended: true, broken: false, bytes: "you asked for slave1\n" });
    expect(isSent).toBe(false);
    await clock.advance(200);
    await allHaveGone(stage);
    await eventually("the client was cut off", () => client.broken);
  });

  test("has his answer also when he sends megabytes before he reads it", async () => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.pause();
    client.socket.write(Buffer.alloc(8_388_608, "x"));
    await eventually("it was answered", () => stage.visits.counters.answered === 1);
    await turns();
    client.socket.resume();
    expect(await client.answer()).toBe(`you asked for ${"x".repeat(512)}\n`);
    expect(client.broken).toBe(false);
  });
});

describe("who breaks off", () => {
  const MOMENTS = [
    ["before he has asked", "", false],
    ["in the middle of his question", "sla", false],
    ["when he has asked", "slave1\n", false],
    ["when he was answered", "slave1\n", true],
  ] as const;
  const moments = MOMENTS.flatMap((moment) => [["by a reset", ...moment] as const, ["by a close", ...moment] as const]);

  test.each(moments)("%s %s is forgotten, and others are answered", async (how, _, sent, waits) => {
    const stage = await stageVisits({ clock: createFakeClock() });
    const client = await stage.visitor();
    client.socket.write(sent);
    await stage.hasRead(sent.length);
    if (waits) await client.answer();
    if (how === "by a reset") client.socket.resetAndDestroy();
    else client.socket.destroy();
    await allHaveGone(stage);
    const other = await stage.visitor();
    other.socket.write("slave2\n");
    expect(await other.answer()).toBe("you asked for slave2\n");
  });

  test("while his answer is looked for is forgotten, and not counted as answered", async () => {
    const look = createLook();
    const stage = await stageVisits({ clock: createFakeClock(), answer: () => look.answer });
    const client = await stage.visitor();
    client.socket.write("slave1\n");
    await eventually("it was asked", () => stage.asked.length === 1);
    expect(stage.visits.counters.open).toBe(1);
    client.socket.resetAndDestroy();
    await allHaveGone(stage);
    look.find("up\n");
    await turns();
    expect(stage.visits.counters).toMatchObject({ open: 0, answered: 0, dropped: 0 });
  });

  test("no more than his own side of it while his answer is looked for has it", async () => {
    const look = createLook();
    const stage = await stageVisits({ clock: createFakeClock(), answer: () => look.answer });
    const client = await stage.visitor();
    client.socket.end("slave1\n");
    await eventually("it was asked", () => stage.asked.length === 1);
    look.find("up\n");
    expect(await client.answer()).toBe("up\n");
    await allHaveGone(stage);
  });
});
