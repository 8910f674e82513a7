import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Haproxy, HaproxySettings, ReloadOrder, ReloadOutcome } from "../../../src/core/haproxy.ts";
import type { TemplateResource } from "../../../src/core/resource.ts";
import { openRecords } from "../../../src/render/records.ts";
import { createReloader } from "../../../src/render/reloader.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

const SETTINGS: HaproxySettings = {
  sockets: ["/run/a.sock"],
  masterSockets: ["/run/m.sock"],
  apply: "runtime",
  onReplace: "keep",
  verify: true,
  maxOldWorkers: 2,
  maxDelayMs: 5_000,
};
const DIFFERS: ReloadOutcome = {
  result: "unclear",
  says: "process 7 answers, but b/s is missing",
  differs: "b/s is missing",
};
const LOADED: ReloadOutcome = { result: "loaded", notes: ["b/s: draining again"], warnings: ["an old worker hangs"] };

function resourceAt(dest: string): TemplateResource {
  const guard = { minEntries: 0, maxShrinkPercent: 50, allowEmpty: false, confirmAfterMs: undefined };
  const none = { mode: undefined, uid: undefined, gid: undefined, checkCmd: undefined, outputFormat: undefined };
  const times = { checkTimeoutMs: 1_000, reloadTimeoutMs: 1_000, debounceMs: 0, minReloadIntervalMs: 0 };
  const names = { name: "r", file: "conf.d/r.toml", src: "r.hbs", dest, keys: [], prefix: "" };
  return {
    ...names,
    ...none,
    ...times,
    reloadCmd: undefined,
    escape: "haproxy",
    guard,
    haproxy: SETTINGS,
    peers: undefined,
  };
}

/** A reload that is due, of an HAProxy that answers as it is told. */
function setUp() {
  const dir = tempDir("reloader");
  const dest = join(dir, "haproxy.cfg");
  writeFileSync(dest, "the new file");
  const clock = createFakeClock();
  const logger = createCaptureLogger();
  const records = openRecords(join(dir, "state"), { readOnly: false });
  records.setRunning(dest, "the old file");
  records.update(dest, { applied: false });
  const told = { outcome: LOADED, holder: undefined as string | undefined, orders: [] as ReloadOrder[] };
  const haproxy: Haproxy = {
    plan: async () => ({ how: "reload", because: [] }),
    compare: async () => ({ mended: [], left: [], unasked: [] }),
    startedAtMs: async () => 0,
    localPeers: async () => ["lb1"],
    learns: async () => undefined,
    holdsUp: async () => told.holder,
    reload: async (order) => {
      told.orders.push(order);
      return told.outcome;
    },
  };
  const reloader = createReloader([resourceAt(dest)], { records, clock, logger, haproxyOf: () => haproxy });
  const run = () => reloader.runDue({ signal: new AbortController().signal });
  return { dest, clock, logger, records, told, reloader, run };
}

test("HAProxy is told what is at dest and what it ran; once it has loaded it, that is noted, with what else was done", async () => {
  const { dest, logger, records, told, reloader, run } = setUp();
  expect(reloader.dueInMs()).toBe(0);
  expect(await run()).toEqual([]);
  expect(told.orders).toEqual([{ texts: ["the new file"], before: ["the old file"], command: undefined }]);
  expect(records.get(dest).applied).toBe(true);
  expect(records.running(dest)).toBe("the new file");
  expect(reloader.dueInMs()).toBe(undefined);
  expect(logger.messages("info").join()).toContain("b/s: draining again");
  expect(logger.messages("warn")).toEqual(["an old worker hangs"]);
});

describe("an HAProxy that differs from its file after a reload", () => {
  test("is reloaded once more, and then let be, with a warning", async () => {
    const { dest, clock, logger, records, told, reloader, run } = setUp();
    told.outcome = DIFFERS;
    expect(await run()).toHaveLength(1);
    expect(records.get(dest).applied).toBe(false);
    await clock.advance(reloader.dueInMs() ?? Number.NaN);
    expect(await run()).toEqual([]);
    expect(told.orders).toHaveLength(2);
    expect(reloader.dueInMs()).toBe(undefined);
    expect(logger.messages("warn").join()).toContain("after two reloads HAProxy still differs from its file");
  });

  test("in something else than before is reloaded again", async () => {
    const { clock, told, reloader, run } = setUp();
    told.outcome = DIFFERS;
    await run();
    told.outcome = { ...DIFFERS, differs: "b/t is missing" };
    await clock.advance(reloader.dueInMs() ?? Number.NaN);
    expect(await run()).toHaveLength(1);
    expect(reloader.dueInMs()).toBeGreaterThan(0);
  });
});

test("a file that HAProxy refuses is told with whose it is, and nothing is noted as applied", async () => {
  const { dest, records, told, run } = setUp();
  told.outcome = { result: "refused", says: "cannot bind socket" };
  const [failure] = await run();
  expect(failure?.refused.map((resource) => resource.dest)).toEqual([dest]);
  expect(failure?.error.message).toContain("cannot bind socket");
  expect(records.get(dest).applied).toBe(false);
  expect(records.running(dest)).toBe("the old file");
});

describe("old workers", () => {
  test("hold a reload up until they have gone; who it is, is said once", async () => {
    const { clock, logger, told, reloader, run } = setUp();
    told.holder = "worker 12, 3 s old, holds 1 session to b/s";
    for (const _ of [1, 2, 3]) {
      expect(await run()).toEqual([]);
      await clock.advance(reloader.dueInMs() ?? Number.NaN);
    }
    expect(told.orders).toEqual([]);
    expect(logger.messages("warn")).toEqual(["the reload waits"]);
    told.holder = undefined;
    await run();
    expect(told.orders).toHaveLength(1);
  });

  test("but no longer than max_delay", async () => {
    const { clock, logger, told, reloader, run } = setUp();
    told.holder = "worker 12";
    let waitedMs = 0;
    while (told.orders.length === 0 && waitedMs < 60_000) {
      await run();
      const dueInMs = reloader.dueInMs() ?? 0;
      waitedMs += dueInMs;
      await clock.advance(dueInMs);
    }
    expect(waitedMs).toBe(SETTINGS.maxDelayMs);
    expect(logger.messages("warn")).toContain("reloads all the same: max_delay is over");
  });
});
