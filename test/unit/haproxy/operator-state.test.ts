import { describe, expect, test } from "vitest";
import type { ConfiguredServer } from "../../../src/haproxy/difference.ts";
import { readOperatorState } from "../../../src/haproxy/operator-state.ts";
import { ADMIN, type RunningServer } from "../../../src/haproxy/servers-state.ts";
import { configuredServer, runningServer } from "../../support/haproxy-servers.ts";

const { forcedMaint, configuredMaint, inheritedMaint, forcedDrain } = ADMIN;

function settingOf(running: Partial<RunningServer>, configured: Partial<ConfiguredServer> = {}) {
  const [setting] = readOperatorState([runningServer(running)], [configuredServer(configured)]);
  return setting === undefined ? undefined : { state: setting.state, weight: setting.weight };
}

describe("what people set by hand", () => {
  test.each([
    ["maintenance", { adminState: forcedMaint }, {}, { state: "maint" }],
    ["drain", { adminState: forcedDrain }, {}, { state: "drain" }],
    [
      "drain of a server that the file has disabled",
      { adminState: forcedDrain | configuredMaint },
      { disabled: true },
      { state: "drain" },
    ],
    [
      "enabling a server that the file has disabled",
      { adminState: configuredMaint },
      { disabled: true },
      { state: "ready" },
    ],
    ["a weight", { weight: 50, initialWeight: 10 }, { weight: 10 }, { weight: 50 }],
    ["a weight of 0", { weight: 0, initialWeight: 10 }, { weight: 10 }, { weight: 0 }],
    [
      "a weight where the file leaves it open",
      { weight: 50, initialWeight: 10 },
      { weight: undefined },
      { weight: 50 },
    ],
    [
      "both",
      { adminState: forcedMaint, weight: 50, initialWeight: 10 },
      { weight: 10 },
      { state: "maint", weight: 50 },
    ],
  ] as const)("%s", (_, running, configured, expected) => {
    expect(settingOf(running, configured)).toEqual({ state: undefined, weight: undefined, ...expected });
  });
});

describe("what nobody set by hand", () => {
  test.each([
    ["nothing", {}, {}],
    ["the file's own maintenance", { adminState: forcedMaint | configuredMaint }, { disabled: true }],
    ["the same, set at run time", { adminState: forcedMaint }, { disabled: true }],
    ["that of a file long ago", { adminState: forcedMaint | configuredMaint }, {}],
    ["what comes from a tracked server", { adminState: inheritedMaint }, {}],
    ["a weight of the file that was set at run time", { weight: 20, initialWeight: 10 }, { weight: 20 }],
    ["a weight that an agent gave", { weight: 5, initialWeight: 10, hasAgent: true }, { weight: 10 }],
  ] as const)("%s", (_, running, configured) => {
    expect(settingOf(running, configured)).toBeUndefined();
  });

  test("what is on a server that the file does not have", () => {
    expect(readOperatorState([runningServer({ adminState: forcedMaint })], [])).toEqual([]);
  });
});
