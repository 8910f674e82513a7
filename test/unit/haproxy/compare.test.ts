import { describe, expect, test } from "vitest";
import { compareServers } from "../../../src/haproxy/compare.ts";
import type { ConfiguredServer } from "../../../src/haproxy/difference.ts";
import { ADMIN, type RunningServer } from "../../../src/haproxy/servers-state.ts";
import { configuredServer, runningServer } from "../../support/haproxy-servers.ts";

/** The differences of one server, in words, with what mends them. */
function compareOne(
  wanted: Partial<ConfiguredServer>,
  has: Partial<RunningServer>,
  before?: readonly ConfiguredServer[],
): readonly (readonly [says: string, mend: string | undefined])[] {
  const known = before === undefined ? {} : { before };
  const drifts = compareServers([configuredServer(wanted)], [runningServer(has)], known);
  return drifts.map(({ says, mend }) => [says, mend?.command]);
}

describe("servers", () => {
  test("that are as the file says are no difference", () => {
    expect(compareOne({}, {})).toEqual([]);
  });

  test("that HAProxy does not have need a reload", () => {
    expect(compareServers([configuredServer({ server: "s2" })], [])).toEqual([
      {
        about: { backend: "b", server: "s2" },
        what: "missing",
        says: "b/s2: the file has it, HAProxy does not",
        mend: undefined,
      },
    ]);
  });

  test("that the file does not have need a reload", () => {
    const extra = [runningServer({}), runningServer({ server: "s2", adminState: ADMIN.forcedMaint })];
    expect(compareServers([], extra)).toMatchObject([
      {
        about: { backend: "b", server: "s1" },
        what: "extra",
        says: "b/s1: HAProxy has it, the file does not",
        mend: undefined,
      },
      { what: "extra", says: "b/s2: HAProxy has it, in maintenance, the file does not", mend: undefined },
    ]);
  });

  test("beyond those that can be told from the file are none where it may have more", () => {
    const extra = [runningServer({ server: "t1" }), runningServer({ backend: "c" })];
    const drifts = compareServers([], extra, { openBackends: new Set(["b"]) });
    expect(drifts.map(({ says }) => says)).toEqual(["c/s1: HAProxy has it, the file does not"]);
  });

  test("of one name in two backends are two", () => {
    const drifts = compareServers([configuredServer({ backend: "c" })], [runningServer({ backend: "b" })]);
    expect(drifts.map(({ says }) => says)).toEqual([
      "c/s1: the file has it, HAProxy does not",
      "b/s1: HAProxy has it, the file does not",
    ]);
  });
});

describe("an address", () => {
  test.each([
    [
      { address: "10.0.0.2" },
      "b/s1: HAProxy has 10.0.0.1:3306, the file says 10.0.0.2:3306",
      "addr 10.0.0.2 port 3306",
    ],
    [{ port: 3307 }, "b/s1: HAProxy has 10.0.0.1:3306, the file says 10.0.0.1:3307", "addr 10.0.0.1 port 3307"],
    [{ address: "::2" }, "b/s1: HAProxy has 10.0.0.1:3306, the file says [::2]:3306", "addr ::2 port 3306"],
  ] as const)("%o in the file is set", (wanted, says, command) => {
    expect(compareOne(wanted, {})).toEqual([[says, `set server b/s1 ${command}`]]);
  });

  test("can be taken back, where there was one", () => {
    const undo = (has: Partial<RunningServer>) =>
      compareServers([configuredServer({ address: "10.0.0.2" })], [runningServer(has)])[0]?.mend?.undo;
    expect(undo({})).toBe("set server b/s1 addr 10.0.0.1 port 3306");
    expect(undo({ address: undefined })).toBeUndefined();
  });

  test("that a name led to is right, and its port is the file's", () => {
    expect(compareOne({ address: undefined }, { address: "10.9.9.9" })).toEqual([]);
    expect(compareOne({ address: undefined }, { address: undefined })).toEqual([]);
    expect(compareOne({ address: undefined, port: 3307 }, { address: "10.9.9.9" })).toEqual([
      ["b/s1: HAProxy has 10.9.9.9:3306, the file says 10.9.9.9:3307", "set server b/s1 addr 10.9.9.9 port 3307"],
    ]);
  });

  test("that the file leaves open is none", () => {
    expect(compareOne({ port: undefined }, { address: "10.9.9.9", port: 1 })).toEqual([]);
  });
});

describe("a weight", () => {
  const wrong = (weight: number, file: number) => `b/s1: HAProxy gives it weight ${weight}, the file says ${file}`;

  test("that HAProxy was loaded with, and is not the file's, is set", () => {
    expect(compareOne({ weight: 20 }, { weight: 10, initialWeight: 10 })).toEqual([
      [wrong(10, 20), "set server b/s1 weight 20"],
    ]);
  });

  test("of the file that was set at run time is right, whatever HAProxy was loaded with", () => {
    expect(compareOne({ weight: 20 }, { weight: 20, initialWeight: 10 })).toEqual([]);
  });

  test("that somebody has set is theirs", () => {
    expect(compareOne({ weight: 10 }, { weight: 50, initialWeight: 10 })).toEqual([]);
    expect(compareOne({ weight: 20 }, { weight: 50, initialWeight: 10 })).toEqual([]);
  });

  test("of the file before is not one that somebody has set", () => {
    const before = [configuredServer({ weight: 20 })];
    expect(compareOne({ weight: 30 }, { weight: 20, initialWeight: 10 }, before)).toEqual([
      [wrong(20, 30), "set server b/s1 weight 30"],
    ]);
    expect(compareOne({ weight: 30 }, { weight: 50, initialWeight: 10 }, before)).toEqual([]);
  });

  test("with an agent: what it makes of the file's weight is right, another start needs a reload", () => {
    expect(compareOne({ weight: 10 }, { weight: 5, initialWeight: 10, hasAgent: true })).toEqual([]);
    expect(compareOne({ weight: 20 }, { weight: 5, initialWeight: 10, hasAgent: true })).toEqual([
      [wrong(5, 20), undefined],
    ]);
    expect(compareOne({ weight: 20 }, { weight: 20, initialWeight: 10, hasAgent: true })).toEqual([]);
  });

  test("that the file leaves open is none", () => {
    expect(compareOne({ weight: undefined }, { weight: 7, initialWeight: 7 })).toEqual([]);
  });
});

describe("maintenance", () => {
  const { forcedMaint, configuredMaint, inheritedMaint, forcedDrain, resolutionMaint } = ADMIN;

  test("of the file is set where HAProxy was loaded without", () => {
    expect(compareOne({ disabled: true }, {})).toEqual([
      ["b/s1: HAProxy uses it, the file has it disabled", "set server b/s1 state maint"],
    ]);
  });

  test("of the file before ends", () => {
    expect(compareOne({}, { adminState: forcedMaint | configuredMaint })).toEqual([
      ["b/s1: HAProxy has it in maintenance, the file does not", "set server b/s1 state ready"],
    ]);
  });

  test.each([
    ["disabled and in maintenance", { disabled: true }, forcedMaint | configuredMaint],
    ["disabled, and set so at run time", { disabled: true }, forcedMaint],
    ["disabled, and enabled by hand", { disabled: true }, configuredMaint],
    ["in maintenance by hand", {}, forcedMaint],
    ["draining by hand", {}, forcedDrain],
    ["in maintenance with what it tracks", {}, inheritedMaint],
    ["in maintenance because its name is not resolved", {}, resolutionMaint],
    ["enabled again", {}, configuredMaint],
  ] as const)("%s is no difference", (_, wanted, adminState) => {
    expect(compareOne(wanted, { adminState })).toEqual([]);
  });

  test("of a server that the file before did not have is nobody's: adding it was not finished", () => {
    const newcomer = { adminState: forcedMaint };
    expect(compareOne({}, newcomer, [])).toEqual([
      ["b/s1: HAProxy has it in maintenance, the file does not", "set server b/s1 state ready"],
    ]);
    expect(compareOne({}, newcomer, [configuredServer({})])).toEqual([]);
  });
});
