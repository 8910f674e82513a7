import { describe, expect, test } from "vitest";
import { addLag, down, isCutOff, judgeLink, type LinkScene, toVerdict } from "../../../checkers/mysql/judge.ts";
import { createLife } from "../../../checkers/mysql/life.ts";
import type { Replication } from "../../../checkers/mysql/status.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const RUNS: Replication = {
  channel: "",
  source: { host: "10.0.0.2", port: 3306, serverId: 2, uuid: undefined },
  receiver: "running",
  applierRuns: true,
  lagSeconds: 0,
  receiverError: undefined,
  applierError: undefined,
  hasAppliedAll: true,
};

const UNREACHABLE = { errno: 2003, text: "error connecting to master" };

/** As MariaDB and MySQL show it when the source cannot be reached. */
const CUT_OFF: Replication = { ...RUNS, receiver: "connecting", lagSeconds: undefined, receiverError: UNREACHABLE };

const ALIVE = { isGone: false, backSinceMs: undefined, lastSeenBeforeGoneMs: undefined };
const SCENE: LinkScene = { maxLagMs: 30_000, nowMs: 1_000_000, linkSeenMs: 999_000, life: ALIVE };

function verdict(replication: Partial<Replication>, scene: Partial<LinkScene> = {}) {
  return toVerdict(judgeLink({ ...RUNS, ...replication }, { ...SCENE, ...scene }));
}

describe("a link whose threads run", () => {
  test("is up with its lag as its rank, up to exactly --max-lag", () => {
    expect(verdict({})).toEqual({ state: "up", reason: "replicates, lag 0 s", rank: [0] });
    expect(verdict({ lagSeconds: 30 })).toEqual({ state: "up", reason: "replicates, lag 30 s", rank: [30] });
  });

  test("is down beyond it, and a makeshift by its lag", () => {
    expect(verdict({ lagSeconds: 31 })).toEqual({
      state: "down",
      reason: "lag 31 s is more than 30 s",
      makeshift: [31],
    });
  });

  test("is down without a makeshift when the lag is NULL", () => {
    expect(verdict({ lagSeconds: undefined })).toEqual({ state: "down", reason: "lag is not known (NULL)" });
  });
});

describe("a link that does not run", () => {
  test.each<readonly [Partial<Replication>, string]>([
    [{ applierRuns: false, receiver: "stopped" }, "replication is stopped"],
    [{ applierRuns: false }, "the SQL thread does not run"],
    [
      { applierRuns: false, applierError: { errno: 1062, text: "Duplicate entry" } },
      "the SQL thread does not run: error 1062: Duplicate entry",
    ],
    [{ receiver: "stopped" }, "the IO thread does not run"],
    [
      { receiver: "stopped", receiverError: { errno: 1236, text: "purged binary logs" } },
      "the IO thread does not run: error 1236: purged binary logs",
    ],
    [
      { receiver: "connecting", receiverError: { errno: 1045, text: "Access denied" } },
      "the IO thread is not connected: error 1045: Access denied",
    ],
    [CUT_OFF, "the IO thread is not connected: error 2003: error connecting to master"],
  ])("like %j is down: %s", (replication, reason) => {
    expect(verdict(replication)).toEqual({ state: "down", reason });
  });

  test("is told by errors of 110 characters at most, in one printable line", () => {
    const { reason } = verdict({
      applierRuns: false,
      applierError: { errno: 1, text: `a\nb\u0007${"x".repeat(500)}` },
    });
    expect(reason).toMatch(/^the SQL thread does not run: error 1: a b x+\.\.\.$/);
    expect(reason.length).toBeLessThan(150);
  });

  test("is cut off only for the network's sake, not when it was stopped or refused", () => {
    expect(isCutOff(CUT_OFF)).toBe(true);
    expect(isCutOff({ ...CUT_OFF, receiverError: undefined })).toBe(true);
    expect(isCutOff({ ...CUT_OFF, receiver: "stopped" })).toBe(true);
    expect(isCutOff({ ...CUT_OFF, receiver: "stopped", receiverError: undefined })).toBe(false);
    expect(isCutOff({ ...CUT_OFF, receiverError: { errno: 1045, text: "" } })).toBe(false);
    expect(isCutOff(RUNS)).toBe(false);
  });
});

describe("a link to a master that is gone", () => {
  const gone = { isGone: true, backSinceMs: undefined, lastSeenBeforeGoneMs: 990_000 };

  test("is up when all that was received is applied", () => {
    expect(verdict(CUT_OFF, { life: gone, linkSeenMs: 989_000 })).toEqual({
      state: "up",
      reason: "the master is gone; all that was received is applied",
      rank: [0],
    });
  });

  test("is judged by its lag while it still applies", () => {
    expect(verdict({ ...CUT_OFF, lagSeconds: 12, hasAppliedAll: false }, { life: gone })).toEqual({
      state: "up",
      reason: "the master is gone; lag 12 s",
      rank: [12],
    });
    expect(verdict({ ...CUT_OFF, lagSeconds: 99, hasAppliedAll: false }, { life: gone })).toMatchObject({
      state: "down",
      makeshift: [99],
    });
    expect(verdict({ ...CUT_OFF, hasAppliedAll: false }, { life: gone })).toMatchObject({
      reason: "lag is not known (NULL)",
    });
  });

  test("is down when it was cut off for longer than --max-lag before that", () => {
    expect(verdict(CUT_OFF, { life: gone, linkSeenMs: 959_000 })).toEqual({
      state: "down",
      reason: "its link to the master broke 31 s before the master was gone",
    });
    expect(verdict(CUT_OFF, { life: gone, linkSeenMs: 961_000 })).toMatchObject({ state: "up" });
  });

  test("is believed when nobody watched it before", () => {
    expect(verdict(CUT_OFF, { life: gone, linkSeenMs: undefined })).toMatchObject({ state: "up" });
    const never = { ...gone, lastSeenBeforeGoneMs: undefined };
    expect(verdict(CUT_OFF, { life: never, linkSeenMs: undefined })).toMatchObject({ state: "up" });
  });

  test("is down all the same when its SQL thread does not run", () => {
    expect(verdict({ ...CUT_OFF, applierRuns: false }, { life: gone })).toMatchObject({ state: "down" });
  });
});

describe("a link to a master that is back", () => {
  const back = { isGone: false, backSinceMs: 995_000, lastSeenBeforeGoneMs: 900_000 };

  test("may take --max-lag to connect again, and counts as that much behind", () => {
    expect(verdict(CUT_OFF, { life: back, linkSeenMs: 900_000 })).toEqual({
      state: "up",
      reason: "the master is back for 5 s; this replica has not connected to it again yet",
      rank: [5],
    });
  });

  test("is down after that", () => {
    const life = { ...back, backSinceMs: 969_000 };
    expect(verdict(CUT_OFF, { life, linkSeenMs: 900_000 })).toMatchObject({ state: "down" });
  });

  test("is down at once when it had connected and is cut off anew", () => {
    expect(verdict(CUT_OFF, { life: back, linkSeenMs: 996_000 })).toMatchObject({ state: "down" });
  });

  test("is down when what it had was too old before the master was gone", () => {
    expect(verdict(CUT_OFF, { life: back, linkSeenMs: 800_000 })).toMatchObject({ state: "down" });
  });
});

describe("a chain", () => {
  test("is as far behind as its parts together", () => {
    expect(addLag({ lagSeconds: 10 }, { lagSeconds: 15 }, 30_000)).toEqual({ lagSeconds: 25 });
    expect(addLag({ lagSeconds: 10 }, { lagSeconds: 25 }, 30_000)).toMatchObject({
      problem: { reason: "lag 35 s is more than 30 s", makeshift: [35] },
    });
  });

  test("keeps the note of its upper part, and the problem of either", () => {
    expect(addLag({ lagSeconds: 1 }, { lagSeconds: 0, note: "the master is gone" }, 30_000)).toEqual({
      lagSeconds: 1,
      note: "the master is gone",
    });
    expect(addLag(down("a"), { lagSeconds: 0 }, 30_000)).toEqual(down("a"));
    expect(addLag({ lagSeconds: 0 }, down("b"), 30_000)).toEqual(down("b"));
  });
});

test("the life of a master remembers its last sign before it was gone, and since when it is back", async () => {
  const clock = createFakeClock();
  const life = createLife(clock);
  expect(life).toMatchObject({ isGone: false, backSinceMs: undefined, lastSeenBeforeGoneMs: undefined });
  await clock.advance(1_000);
  life.seen();
  await clock.advance(1_000);
  life.missed();
  await clock.advance(1_000);
  life.missed();
  expect(life).toMatchObject({ isGone: true, backSinceMs: undefined, lastSeenBeforeGoneMs: 1_000 });
  await clock.advance(1_000);
  life.seen();
  await clock.advance(1_000);
  life.seen();
  expect(life).toMatchObject({ isGone: false, backSinceMs: 4_000, lastSeenBeforeGoneMs: 1_000 });
});
