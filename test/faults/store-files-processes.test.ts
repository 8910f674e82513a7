import { existsSync, lstatSync, lutimesSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { eventually } from "../support/eventually.ts";
import { type Launched, launch } from "../support/launch.ts";
import { tempDir } from "../support/temp-dir.ts";

const COUNTER = join(import.meta.dirname, "store-counter.ts");
const call = { signal: new AbortController().signal };

function startCounter(folder: string, times: number): Launched {
  // In this folder, so that tsx is found.
  return launch(process.execPath, ["--import", "tsx", COUNTER, folder, String(times)], { dir: import.meta.dirname });
}

function open(folder: string): Promise<Store> {
  return openStore({ type: "file", path: folder }, { clock: systemClock, logger: createCaptureLogger() });
}

describe("several processes on one folder", () => {
  test("a counter that four processes raise by check-and-set loses nothing", async () => {
    const folder = tempDir("files");
    const counters = Array.from({ length: 4 }, () => startCounter(folder, 100));
    for (const counter of counters) expect(await counter.exited, counter.stderr()).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, "n"), "utf8")).toBe("400\n");
    expect(readdirSync(folder)).toEqual(["n"]);
  });

  test("processes that are killed in the middle of writing block nobody and leave no half value", async () => {
    const folder = tempDir("files");
    const store = await open(folder);
    for (let round = 0; round < 4; round++) {
      const counters = [startCounter(folder, 1_000_000), startCounter(folder, 1_000_000)];
      for (const counter of counters) await eventually("it writes", () => counter.stdout().includes("begun"));
      const before = Number((await store.get("n", call))?.value ?? "0");
      await eventually("it counts", async () => Number((await store.get("n", call))?.value ?? "0") > before + 5);
      await Promise.all(counters.map((counter) => counter.kill()));
      const pair = await store.get("n", call);
      expect(pair?.value).toMatch(/^\d+$/);
      expect(await store.put("n", pair?.value ?? "", { ...call, timeoutMs: 5_000, ifIndex: pair?.index ?? "" })).toBe(
        true,
      );
      expect(await store.put("after", String(round), { ...call, timeoutMs: 5_000 })).toBe(true);
      expect(existsSync(join(folder, ".lock"))).toBe(false);
    }
  });
});

describe("a lock that is left behind", () => {
  test("the lock of a holder that was killed is taken over, by exactly one of many waiters at a time", async () => {
    const folder = tempDir("files");
    const holder = await holdingProcess(folder);
    await holder.kill();
    expect(lstatSync(join(folder, ".lock")).isSymbolicLink()).toBe(true);
    const counters = Array.from({ length: 4 }, () => startCounter(folder, 25));
    for (const counter of counters) expect(await counter.exited, counter.stderr()).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, "n"), "utf8")).toBe("100\n");
    expect(readdirSync(folder)).toEqual(["n"]);
  });

  test("the lock of a holder that lives is waited for, and the error names it", async () => {
    const folder = tempDir("files");
    const holder = await holdingProcess(folder);
    const store = await open(folder);
    await expect(store.put("k", "1", { ...call, timeoutMs: 100 })).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: expect.stringContaining(` ${holder.pid} `),
    });
    const pending = store.put("k", "1", { ...call, timeoutMs: 15_000 });
    await holder.kill();
    expect(await pending).toBe(true);
  });

  test("a process id that was given to another process since does not count as the holder", async () => {
    const folder = tempDir("files");
    // This very process's id with another start time: the holder died, and its number came to us.
    symlinkSync(`${process.pid} 1 abcdef ${here()}`, join(folder, ".lock"));
    expect(await (await open(folder)).put("k", "1", { ...call, timeoutMs: 5_000 })).toBe(true);
  });

  test("the lock of another machine is respected while it is fresh and taken over when it is old", async () => {
    const folder = tempDir("files");
    const lock = join(folder, ".lock");
    symlinkSync("1 1 abcdef another-machine/pid:[1]", lock);
    const store = await open(folder);
    await expect(store.put("k", "1", { ...call, timeoutMs: 100 })).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
    });
    const longAgo = Date.now() / 1_000 - 60;
    lutimesSync(lock, longAgo, longAgo);
    expect(await store.put("k", "1", { ...call, timeoutMs: 5_000 })).toBe(true);
  });

  test("a process that died while taking over does not block either", async () => {
    const folder = tempDir("files");
    const dead = `999999999 1 aaaaaa ${here()}`;
    symlinkSync(dead, join(folder, ".lock"));
    symlinkSync(dead.replace("aaaaaa", "bbbbbb"), join(folder, ".lock.aaaaaa"));
    expect(await (await open(folder)).put("k", "1", { ...call, timeoutMs: 5_000 })).toBe(true);
    expect(readdirSync(folder)).toEqual(["k"]);
  });
});

/** A process that made the lock as the store does and goes on living. */
async function holdingProcess(folder: string): Promise<Launched> {
  const script = `
    const { readFileSync, readlinkSync, symlinkSync } = require("node:fs");
    const start = readFileSync("/proc/self/stat", "latin1").split(") ")[1].split(" ")[19];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const text = [process.pid, start, "abcdef", boot + "/" + readlinkSync("/proc/self/ns/pid")].join(" ");
    symlinkSync(text, process.argv[1] + "/.lock");
    setInterval(() => {}, 1000);`;
  const launched = launch(process.execPath, ["-e", script, folder]);
  await eventually("the lock is held", () => lstatSync(join(folder, ".lock")).isSymbolicLink());
  return launched;
}

/** This process's own place in the lock's words. */
function here(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot}/${readlinkSync("/proc/self/ns/pid")}`;
}
