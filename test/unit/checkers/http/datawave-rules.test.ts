import { describe, expect, test } from "vitest";
import { datawaveRules } from "../../../../checkers/http/datawave-rules.ts";
import { judge } from "../../../../checkers/http/judge.ts";
import { agentLine } from "../../../../src/core/agent-line.ts";
import type { Health } from "../../../../src/core/damper.ts";
import { groupOptions } from "../../../support/group-options.ts";

const USUAL = "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0.3";

/** What DataWave's health page says. */
interface Page {
  readonly ConnectionUsagePercent?: unknown;
  readonly SystemLoad?: unknown;
  readonly SwapBytesUsed?: unknown;
  readonly Status?: unknown;
}

function verdict(page: Page, { status = 200, on503 = "drain", weightBy = USUAL } = {}) {
  const whole = { ConnectionUsagePercent: 0, Status: "ready", Details: null, SystemLoad: 0, SwapBytesUsed: 0, ...page };
  return judge({ status, body: JSON.stringify(whole) }, datawaveRules({ on503, weightBy }));
}

/** What HAProxy is told of a server with this page. */
function line(page: Page, more: Parameters<typeof verdict>[1] = {}): string {
  const found = verdict(page, more);
  const health: Health = found.state === "unknown" ? "unseen" : found.state;
  const { weightPercent, maxconn } = found.state === "up" ? found : {};
  const standing = { name: "s", health, verdict: found, judgedMs: 0, held: undefined, weightPercent, maxconn };
  const moment = { standing, order: undefined, owesReady: false, stopping: false, nowMs: 0 };
  return agentLine(moment, groupOptions().agent).text;
}

describe("connections in percent, load, swap and status, as HAProxy is told:", () => {
  test.each([
    [0, 0, 0, "ready", "100% up"],
    [80, 0.5, 0, "ready", "24% up"],
    [50, 0.1, 0, "ready", "61% up"],
    [30, 0.2, 1, "ready", "41% up"],
    [70, 0, 0, "ready", "51% up"],
    [90, 0, 0, "ready", "37% up"],
    [150, 0, 0, "ready", "30% up"],
    [100, 1, 1, "ready", "1% up"],
    [42, 0.3, 0, "drain", "drain up"],
    // What differs from DataWave's own agent, which says 140% and 84% maint.
    [0, -1, 0, "ready", "100% up"],
    [20, 0.05, 0, "maint", "drain up"],
  ])("%d, %d, %d, %s: %s", (ConnectionUsagePercent, SystemLoad, SwapBytesUsed, Status, text) => {
    expect(line({ ConnectionUsagePercent, SystemLoad, SwapBytesUsed, Status })).toBe(text);
  });

  test("and with the reductions of a file of its own", () => {
    const page = { ConnectionUsagePercent: 50, SystemLoad: 0.5, SwapBytesUsed: 1 };
    expect(line(page, { weightBy: "ConnectionUsagePercent/100:1,SystemLoad:0,SwapBytesUsed>0:0" })).toBe("50% up");
  });
});

describe("a status that was put by hand means what HAProxy takes it for:", () => {
  test.each([
    ["READY", "up"],
    ["up", "up"],
    ["ready #deployed", "up"],
    ["drain up", "drain"],
    ["Maint", "drain"],
    ["down", "down"],
    ["stopped #disk", "down"],
    ["ready fail", "down"],
    ["upgrading", "unknown"],
    ["", "unknown"],
  ])("%j: %s", (Status, state) => {
    expect(verdict({ Status }).state).toBe(state);
  });
});

describe("status 503 means", () => {
  test.each(["drain", "down", "unknown"])("%s, if that is wanted, whatever the page says", (on503) => {
    expect(verdict({}, { status: 503, on503 })).toEqual({ state: on503, reason: "it answers 503" });
  });
});

test.each([500, 404, 302])("status %d means down", (status) => {
  expect(verdict({}, { status })).toEqual({ state: "down", reason: `it answers ${status}` });
});

test("a page without one of its numbers, or without a status, is told by its name", () => {
  expect(() => verdict({ SystemLoad: null })).toThrow("its SystemLoad is not a number");
  expect(() => verdict({ ConnectionUsagePercent: "80" })).toThrow("its ConnectionUsagePercent is not a number");
  expect(() => verdict({ Status: null })).toThrow("its answer has no Status");
});

test("a JVM that does not know its load writes NaN, which takes off nothing", () => {
  expect(line({ SystemLoad: "NaN", ConnectionUsagePercent: 10 })).toBe("93% up");
});
