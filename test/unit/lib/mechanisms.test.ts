import { getEventListeners } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { replaceFile, writeBeside } from "../../../src/lib/atomic-file.ts";
import { createBackoff } from "../../../src/lib/backoff.ts";
import { createCleanup } from "../../../src/lib/cleanup.ts";
import { withDeadline } from "../../../src/lib/deadline.ts";
import { formatMs, parseDuration } from "../../../src/lib/duration.ts";
import { nearest } from "../../../src/lib/nearest.ts";
import { createWake } from "../../../src/lib/wake.ts";
import { tempDir } from "../../support/temp-dir.ts";

const never = () => new Promise<never>(() => {});

describe("a deadline", () => {
  test("ends work that ignores its signal, and names what took too long", async () => {
    const { signal } = new AbortController();
    await expect(withDeadline("asking", 5, signal, never)).rejects.toThrow("asking took longer than 5 ms");
  });
  test("passes the outer abort on with its reason", async () => {
    const outer = new AbortController();
    const ended = withDeadline(
      "asking",
      60_000,
      outer.signal,
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    outer.abort(new Error("told to stop"));
    await expect(ended).rejects.toThrow("told to stop");
  });
  test("leaves no listener on the outer signal", async () => {
    const outer = new AbortController();
    for (let i = 0; i < 50; i++) await withDeadline("asking", 1_000, outer.signal, async () => i);
    expect(getEventListeners(outer.signal, "abort")).toHaveLength(0);
  });
});

describe("a wake", () => {
  test("a ring before the wait is not lost, and counts once", async () => {
    const wake = createWake();
    const { signal } = new AbortController();
    wake.ring();
    wake.ring();
    await wake.wait(undefined, signal);
    let again = false;
    const second = wake.wait(undefined, signal).then(() => {
      again = true;
    });
    await Promise.resolve();
    expect(again).toBe(false);
    wake.ring();
    await second;
  });
  test("a wait ends by time and by abort", async () => {
    const wake = createWake();
    const controller = new AbortController();
    await wake.wait(1, controller.signal);
    const waiting = wake.wait(undefined, controller.signal);
    controller.abort();
    await waiting;
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

test("backoff doubles up to its maximum, within half and all of it, and starts anew after contact", () => {
  const low = createBackoff({ firstMs: 100, maxMs: 1_000 }, () => 0);
  expect([low.next(), low.next(), low.next(), low.next(), low.next(), low.next()]).toEqual([
    50, 100, 200, 400, 500, 500,
  ]);
  const high = createBackoff({ firstMs: 100, maxMs: 1_000 }, () => 1);
  expect([high.next(), high.next()]).toEqual([100, 200]);
  high.reset();
  expect(high.next()).toBe(100);
});

test("cleanup lets go in reverse order, goes on after a failure and throws it at the end", async () => {
  const order: string[] = [];
  const cleanup = createCleanup();
  cleanup.add("first", () => void order.push("first"));
  cleanup.add("second", () => {
    throw new Error("stuck");
  });
  cleanup.add("third", async () => void order.push("third"));
  await expect(cleanup.run()).rejects.toThrow("while releasing second");
  expect(order).toEqual(["third", "first"]);
  await cleanup.run();
  expect(order).toEqual(["third", "first"]);
});

describe("durations", () => {
  test.each([
    ["250ms", 250],
    ["1.5s", 1_500],
    ["1m30s", 90_000],
    ["2h", 7_200_000],
    ["600", 600_000],
    [30, 30_000],
  ])("%s is %d ms", (text, ms) => expect(parseDuration(text, "x")).toBe(ms));
  test.each(["", "soon", "-1s", "1 s 2", "1y"])("%j is none", (text) => {
    expect(() => parseDuration(text, "--interval")).toThrow(/^--interval: .* is not a duration$/);
  });
  test("are shown as people read them", () => {
    expect([0.12, 42.4, 1_500, 600_000].map(formatMs)).toEqual(["0.1 ms", "42 ms", "1.5 s", "10 min"]);
  });
});

test("the nearest word is suggested only when it is near", () => {
  const words = ["reload_cmd", "check_cmd", "dest"];
  expect(nearest("relaod_cmd", words)).toBe("reload_cmd");
  expect(nearest("Dest", words)).toBe("dest");
  expect(nearest("something", words)).toBeUndefined();
});

describe("replacing a file", () => {
  test("readers see the old or the new one, the mode is as asked, nothing else stays", () => {
    const dir = tempDir();
    const path = join(dir, "state.json");
    writeFileSync(path, "old");
    chmodSync(path, 0o600);
    replaceFile(path, "new", { mode: 0o640, fsync: true });
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(dir)).toEqual(["state.json"]);
  });
  test("a stage beside it is hidden, and only its owner can read it before it has its mode", () => {
    const dir = tempDir();
    const stage = writeBeside(join(dir, "haproxy.cfg"), "text", { fsync: false });
    expect(readdirSync(dir)[0]).toMatch(/^\.haproxy\.cfg\./);
    expect(statSync(stage).mode & 0o777).toBe(0o600);
  });
});
