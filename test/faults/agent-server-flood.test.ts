import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/lib/system-clock.ts";
import { askOnce } from "../support/agent-client.ts";
import { CROWD_MS, CROWD_TEST_MS, startCrowd } from "../support/agent-crowd.ts";
import { openAgentDoor } from "../support/agent-door.ts";
import { eventually } from "../support/eventually.ts";

/** Of this process, and of the one that the clients are in. */
const FILES_ALLOWED = Number(/^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);

const CROWD = Math.min(10_000, Math.floor(FILES_ALLOWED / 2));

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

/** A clock that can be stopped: nobody's time runs out then, so that all are there at once however slow the machine. */
function stoppable() {
  let stoppedMs: number | undefined;
  const clock = { ...systemClock, monotonicMs: () => stoppedMs ?? systemClock.monotonicMs() };
  return {
    clock,
    stop() {
      stoppedMs = systemClock.monotonicMs();
    },
    goOn() {
      stoppedMs = undefined;
    },
  };
}

vi.setConfig({ testTimeout: CROWD_TEST_MS });

describe(`with ${CROWD} silent clients at once`, () => {
  test("everybody who asks is answered for whom he asked, and every file is given back", async () => {
    const time = stoppable();
    const { agent, to, asked } = await openAgentDoor({ clock: time.clock });
    const before = openFiles();
    time.stop();
    const crowd = startCrowd({ to, atOnce: CROWD, are: "silent" });
    await eventually("all are there", () => agent.counters().open === CROWD, CROWD_MS);
    for (let tag = 1; tag <= 50; tag += 1) expect(await askOnce(to, `slave${tag}\n`)).toBe(`up #slave${tag}\n`);
    await eventually("who was answered has gone", () => agent.counters().open === CROWD);
    expect(agent.counters()).toEqual({ answered: 50, dropped: 0, refused: 0, open: CROWD });
    expect(asked.filter((words) => words === "")).toEqual([]);
    time.goOn();
    await eventually("all were answered", () => agent.counters().answered === CROWD + 50, CROWD_MS);
    await crowd.leave();
    await eventually("nobody is there any more", () => agent.counters().open === 0);
    await eventually("every file was given back", () => openFiles() <= before);
    expect(agent.counters()).toEqual({ answered: CROWD + 50, dropped: 0, refused: 0, open: 0 });
  });
});
