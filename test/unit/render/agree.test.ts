import { describe, expect, test } from "vitest";
import { AppError } from "../../../src/core/errors.ts";
import type { ApplyPlan, Comparison, Haproxy } from "../../../src/core/haproxy.ts";
import { createAgreement } from "../../../src/render/agree.ts";
import type { DestView } from "../../../src/render/dest-file.ts";
import { openRecords } from "../../../src/render/records.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

const DEST = "/etc/haproxy/haproxy.cfg";
const GOOD: Comparison = { mended: [], left: [], unasked: [] };
const SILENT: Comparison = { ...GOOD, unasked: [new AppError("E_HAPROXY", "nobody listens there")] };
const LEFT: Comparison = { ...GOOD, left: ["b/s: the file has it, HAProxy does not"] };

/** A dest, and an HAProxy that is found as it is told. */
function setUp() {
  const clock = createFakeClock();
  const records = openRecords(tempDir("agree"), { readOnly: false });
  const is = {
    found: GOOD,
    plan: { how: "reload", because: ["listen b is another"] } as ApplyPlan,
    startedAtMs: 0,
    looks: 0,
  };
  const haproxy: Haproxy = {
    plan: async () => is.plan,
    compare: async () => {
      is.looks += 1;
      return is.found;
    },
    startedAtMs: async () => is.startedAtMs,
    localPeers: async () => ["lb1"],
    learns: async () => undefined,
    holdsUp: async () => undefined,
    reload: async () => ({ result: "loaded", notes: [], warnings: [] }),
  };
  const told: string[] = [];
  const tell = {
    mended: (lines: readonly string[]) => void told.push(`mended ${lines}`),
    left: (lines: readonly string[]) => void told.push(`left ${lines}`),
    unasked: (errors: readonly AppError[]) => void told.push(`unasked ${errors.length}`),
    asked: () => void told.push("asked"),
  };
  const agreement = createAgreement(DEST, { records, clock, haproxy, tell });
  const agree = async (text = "new") => {
    const view = { text, sinceMs: 1_000 } as DestView;
    await agreement.agree(view, { signal: new AbortController().signal });
  };
  /** Looks whenever that is due, for as long. */
  const waitFor = async (ms: number) => {
    const endMs = clock.monotonicMs() + ms;
    for (let dueMs = agreement.dueInMs(); dueMs !== undefined; dueMs = agreement.dueInMs()) {
      if (clock.monotonicMs() + dueMs > endMs) break;
      await clock.advance(dueMs);
      await agree();
    }
    await clock.advance(endMs - clock.monotonicMs());
  };
  return { clock, records, is, told, agreement, agree, waitFor };
}

test("at the start it is looked at once, and no more while nothing changes", async () => {
  const { is, agreement, agree, told } = setUp();
  expect(agreement.dueInMs()).toBe(0);
  await agree();
  expect(is.looks).toBe(1);
  expect(agreement.dueInMs()).toBe(undefined);
  await agree();
  expect(is.looks).toBe(1);
  expect(told).toEqual(["asked"]);
});

describe("after a change it is looked at", () => {
  test("soon, and late", async () => {
    const { is, agreement, agree, waitFor } = setUp();
    await agree();
    agreement.doubt();
    await waitFor(1_999);
    expect(is.looks).toBe(1);
    await waitFor(1);
    expect(is.looks).toBe(2);
    await waitFor(27_999);
    expect(is.looks).toBe(2);
    await waitFor(1);
    expect(is.looks).toBe(3);
    expect(agreement.dueInMs()).toBe(undefined);
  });

  test("also while changes never end, and late after the last one", async () => {
    const { is, agreement, agree, waitFor } = setUp();
    await agree();
    for (let change = 0; change < 100; change++) {
      agreement.doubt();
      await waitFor(100);
    }
    expect(is.looks).toBeGreaterThanOrEqual(5);
    const looks = is.looks;
    await waitFor(60_000);
    expect(is.looks).toBeGreaterThan(looks);
  });

  test("that somebody else has made", async () => {
    const { is, agreement, agree, waitFor } = setUp();
    await agree("old");
    await agree("new");
    expect(is.looks).toBe(1);
    expect(agreement.dueInMs()).toBe(2_000);
    await waitFor(60_000);
    expect(is.looks).toBe(3);
  });
});

test("who cannot be asked is asked again, less and less often, and that is told", async () => {
  const { is, told, agreement, agree, waitFor } = setUp();
  is.found = SILENT;
  await agree();
  await waitFor(600_000);
  expect(is.looks).toBeGreaterThan(9);
  expect(is.looks).toBeLessThan(40);
  is.found = GOOD;
  await waitFor(60_000);
  expect(told.at(-1)).toBe("asked");
  expect(agreement.dueInMs()).toBe(undefined);
});

describe("what only a reload mends", () => {
  test("makes one due, and not a second one when that has not mended it", async () => {
    const { is, told, records, agreement, agree, waitFor } = setUp();
    is.found = LEFT;
    await agree();
    expect(records.get(DEST).applied).toBe(false);
    records.update(DEST, { applied: true });
    agreement.doubt();
    await waitFor(60_000);
    expect(records.get(DEST).applied).toBe(true);
    expect(told.filter((line) => line.startsWith("left"))).toEqual([`left ${LEFT.left}`]);
    is.found = GOOD;
    agreement.doubt();
    await waitFor(60_000);
    is.found = LEFT;
    agreement.doubt();
    await waitFor(60_000);
    expect(records.get(DEST).applied).toBe(false);
  });

  test("is not told while a reload is due anyway", async () => {
    const { is, told, records, agree } = setUp();
    records.update(DEST, { applied: false });
    is.found = LEFT;
    await agree();
    expect(told).toEqual(["asked"]);
  });
});

describe("what is at dest is in force when its servers are, and", () => {
  test.each<[string, (of: ReturnType<typeof setUp>) => void, boolean]>([
    ["nothing else is known: it is not", () => {}, false],
    ["HAProxy has read it", ({ is }) => void Object.assign(is, { startedAtMs: 1_001 }), true],
    ["it is what HAProxy was brought to", ({ records }) => records.setRunning(DEST, "new"), true],
    [
      "only addresses were outstanding",
      ({ records }) => records.update(DEST, { applied: false, addressesOnly: true }),
      true,
    ],
    ["a reload was outstanding: it is not", ({ records }) => records.update(DEST, { applied: false }), false],
    ["what it was brought to differs in a section: it is not", ({ records }) => records.setRunning(DEST, "old"), false],
    [
      "what it was brought to differs in addresses",
      ({ records, is }) => {
        records.setRunning(DEST, "old");
        is.plan = runtimePlan(["set server"], true);
      },
      true,
    ],
    [
      "what it was brought to differs in more than can be compared: it is not",
      ({ records, is }) => {
        records.setRunning(DEST, "old");
        is.plan = runtimePlan(["set maxconn server"], false);
      },
      false,
    ],
  ])("%s", async (_, known, isInForce) => {
    const of = setUp();
    known(of);
    await of.agree();
    expect(of.records.running(DEST) === "new").toBe(isInForce);
  });
});

function runtimePlan(steps: readonly string[], addressesOnly: boolean): ApplyPlan {
  return { how: "runtime", steps, addressesOnly, carryOut: async () => {}, verify: async () => [] };
}
