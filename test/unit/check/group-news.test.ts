import { describe, expect, test } from "vitest";
import { group } from "./group-run.ts";
import type { ScriptedChecker } from "./scripted.ts";

/** Keeps the answers of these servers back until it is called. */
function holdBack(checker: ScriptedChecker, ports: readonly number[]): () => void {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  for (const port of ports) checker.held.set(port, held);
  return () => {
    for (const port of ports) checker.held.delete(port);
    release();
  };
}

describe("news while a question is out", () => {
  test("have it put once more directly behind its answer, however many they are", async () => {
    const { start, checker, clock } = group([1], { intervalMs: 60_000, thresholds: { rise: 1, fall: 1 } });
    await start();
    const answers: string[] = [];
    checker.onAnswer = ({ state }) => void answers.push(`${state} at ${clock.monotonicMs()}`);
    const release = holdBack(checker, [1]);
    checker.tellNews("something happens");
    await clock.advance(10);
    checker.behaviour.set(1, "down");
    for (let count = 0; count < 5; count++) checker.tellNews("something has happened");
    await clock.advance(10);
    expect(answers).toEqual([]);
    release();
    await clock.advance(0);
    expect(answers).toEqual(["up at 120", "down at 120"]);
    await clock.advance(1_000);
    expect(answers).toHaveLength(2);
  });

  test("keep whoever is said to be up by that answer from being published before the next one", async () => {
    const { start, checker, clock, writes } = group([1], { intervalMs: 60_000 });
    checker.behaviour.set(1, "down");
    await start();
    checker.behaviour.set(1, "up");
    const release = holdBack(checker, [1]);
    checker.tellNews("it works");
    await clock.advance(10);
    checker.behaviour.set(1, "down");
    checker.tellNews("it does not work any more");
    release();
    await clock.advance(1_000);
    expect(writes).toEqual([]);
    checker.behaviour.set(1, "up");
    checker.tellNews("it works again");
    await clock.advance(1_000);
    expect(writes).toEqual([1]);
  });

  test("with each answer neither stop the server from being published nor have it asked without end", async () => {
    const { start, checker, clock, published } = group([1], { intervalMs: 60_000 });
    let answers = 0;
    checker.onAnswer = () => {
      answers += 1;
      checker.tellNews("again");
    };
    await start();
    expect(published()).toBe(1);
    answers = 0;
    await clock.advance(10_000);
    expect(answers).toBeGreaterThan(100);
    expect(answers).toBeLessThanOrEqual(200);
  });

  test("wake nobody any more whose server is taken off the list", async () => {
    const ports = [1, 2];
    const { start, checker, clock } = group(ports, { intervalMs: 60_000 });
    await start();
    const sleepers = clock.sleepers;
    const release = holdBack(checker, [2]);
    checker.tellNews("something happens");
    await clock.advance(10);
    ports.pop();
    checker.tellNews("a server is gone");
    await clock.advance(10);
    release();
    await clock.advance(0);
    expect(checker.opened).toEqual(new Set([1]));
    expect(clock.sleepers).toBe(sleepers);
  });

  test("begin no question after the end", async () => {
    const { start, stop, checker, clock } = group([1], { intervalMs: 60_000 });
    await start();
    const answers: number[] = [];
    checker.onAnswer = ({ port }) => void answers.push(port);
    const release = holdBack(checker, [1]);
    checker.tellNews("something happens");
    await clock.advance(10);
    checker.tellNews("something has happened");
    const stopped = stop();
    release();
    await stopped;
    await clock.advance(1_000);
    expect(answers.length).toBeLessThanOrEqual(1);
    expect(checker.opened.size).toBe(0);
  });
});

describe("news while the servers are being listed", () => {
  test("have them listed once more directly behind that, however many they are", async () => {
    const ports = [1];
    const { start, checker, clock, status } = group(ports, { intervalMs: 60_000 });
    await start();
    const { discover } = checker;
    let listings = 0;
    let release = () => {};
    checker.discover = async (call) => {
      listings += 1;
      const targets = await discover(call);
      if (listings === 1)
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      return targets;
    };
    checker.tellNews("something happens");
    await clock.advance(10);
    ports.push(2);
    for (let count = 0; count < 5; count++) checker.tellNews("there is one more");
    await clock.advance(10);
    expect(listings).toBe(1);
    release();
    await clock.advance(0);
    expect(listings).toBe(2);
    expect(status()?.servers.map(({ name }) => name)).toEqual(["127.0.0.1:1", "127.0.0.1:2"]);
    await clock.advance(1_000);
    expect(listings).toBe(2);
  });
});
