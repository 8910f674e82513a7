import { describe, expect, test } from "vitest";
import { parseIdentity } from "../../../checkers/mysql/identity.ts";
import { createNames, type Names } from "../../../checkers/mysql/names.ts";
import { isSource, type PossibleSource } from "../../../checkers/mysql/source.ts";
import { parseStatus, type SourceName } from "../../../checkers/mysql/status.ts";
import { mysqlslave } from "../../../checkers/mysqlslave.ts";
import type { OptionValues } from "../../../src/core/option.ts";
import { systemClock } from "../../../src/lib/system-clock.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { serviceContext } from "../../support/service-context.ts";

const call = { signal: new AbortController().signal, timeoutMs: 5_000 };

describe("the options", () => {
  const valid = { host: "10.0.0.2", user: "monitor" };

  test.each<readonly [OptionValues, string]>([
    [{ user: "monitor" }, "--host must name the master"],
    [{ ...valid, host: "no host!" }, '--host: "no host!" is not a host'],
    [{ host: "10.0.0.2" }, "--user must name the user that the checker logs in as"],
    [{ ...valid, port: 0 }, "--port must be a port from 1 to 65535 (is 0)"],
    [{ ...valid, "replica-port": 70_000 }, "--replica-port must be a port from 1 to 65535 (is 70000)"],
    [{ ...valid, "ssl-ca": "ca.pem", "ssl-cert": "c.pem" }, "--ssl-cert and --ssl-key only make sense together"],
    [{ ...valid, "ssl-cert": "c.pem", "ssl-key": "c.key" }, "--ssl-cert needs --ssl-ca"],
  ])("%j is refused: %s", (options, message) => {
    expect(() => mysqlslave.create(options, serviceContext())).toThrow(
      expect.objectContaining({ code: "E_USAGE", message }),
    );
  });

  test("the proxyport is counted from the master's port, with the ancestor's offset", () => {
    const service = mysqlslave.create({ ...valid, port: 3301 }, serviceContext());
    expect((service.basePort ?? 0) + mysqlslave.proxyportOffset).toBe(13_351);
  });

  test("the password is a secret, which the command line does not take", () => {
    expect(mysqlslave.options.filter(({ secret }) => secret).map(({ name }) => name)).toEqual(["password"]);
  });
});

describe("whether a source is the master", () => {
  const names: Names = {
    areSame: async (one, other) => (one === "unresolved" ? undefined : one === other || one === "name-of-it"),
  };
  const source: SourceName = { host: "elsewhere", port: 3306, serverId: undefined, uuid: undefined };
  const master: PossibleSource = {
    target: { host: "10.0.0.2", port: 3306 },
    identity: { serverId: 2, uuid: undefined, isReadOnly: false },
    isVouchedFor: false,
  };
  const withUuid = { ...master, identity: { serverId: 2, uuid: "u-2", isReadOnly: false } };
  const ofEverybody = { ...master, identity: { serverId: 1, uuid: undefined, isReadOnly: false } };

  test.each<readonly [string, Partial<SourceName>, PossibleSource, boolean | undefined]>([
    ["the same UUID is the same server, at any address", { uuid: "u-2", serverId: 9 }, withUuid, true],
    ["another UUID is another server, at the same address", { uuid: "u-9", host: "10.0.0.2" }, withUuid, false],
    ["the same server id is the same server, at any address", { serverId: 2, port: 9 }, master, true],
    ["another server id is another server, at the same address", { serverId: 9, host: "10.0.0.2" }, master, false],
    ["the server id that everybody has proves nothing", { serverId: 1 }, ofEverybody, false],
    ["unless the master listed the replica", { serverId: 1 }, { ...ofEverybody, isVouchedFor: true }, true],
    ["or the address is right", { serverId: 1, host: "10.0.0.2" }, ofEverybody, true],
    ["without ids the address decides", { host: "10.0.0.2" }, master, true],
    ["or another name of it", { host: "name-of-it" }, { ...master, identity: undefined }, true],
    ["at another port it is another server", { host: "10.0.0.2", port: 3307 }, master, false],
    ["a name that cannot be resolved decides nothing", { host: "unresolved" }, master, undefined],
  ])("%s", async (_, more, server, expected) => {
    expect(await isSource({ ...source, ...more }, server, names, call)).toBe(expected);
  });
});

describe("names", () => {
  test("are the same when they are spelled the same, or lead to the same address", async () => {
    const names = createNames(systemClock);
    expect(await names.areSame("DB1", "db1", call)).toBe(true);
    expect(await names.areSame("localhost", "127.0.0.1", call)).toBe(true);
    expect(await names.areSame("127.0.0.1", "127.0.0.2", call)).toBe(false);
    expect(await names.areSame("localhost", "127.0.0.2", call)).toBe(false);
  });

  test("that cannot be resolved here tell nothing", async () => {
    expect(await createNames(systemClock).areSame("no-such-name.invalid", "127.0.0.1", call)).toBeUndefined();
  });
});

describe("names that are resolved", () => {
  test("are asked for once in half a minute, also when there is none", async () => {
    const clock = createFakeClock();
    const asked: string[] = [];
    const names = createNames(clock, async (host) => {
      asked.push(host);
      if (host === "nobody") throw new Error("no such name");
      return ["10.0.0.2"];
    });
    for (let round = 0; round < 3; round++) {
      expect(await names.areSame("db1", "10.0.0.2", call)).toBe(true);
      expect(await names.areSame("nobody", "10.0.0.2", call)).toBeUndefined();
      await clock.advance(10_000);
    }
    expect(asked).toEqual(["db1", "nobody"]);
    await clock.advance(10_000);
    await names.areSame("db1", "10.0.0.2", call);
    expect(asked).toEqual(["db1", "nobody", "db1"]);
  });

  test("with a name server that hangs tell nothing, within a part of the time", async () => {
    const names = createNames(systemClock, () => new Promise(() => {}));
    expect(await names.areSame("db1", "10.0.0.2", { ...call, timeoutMs: 30 })).toBeUndefined();
  });
});

describe("a status", () => {
  test("without a source is none: MySQL keeps a row after RESET REPLICA", () => {
    expect(parseStatus([{ Source_Host: "", Replica_IO_Running: "No" }])).toEqual([]);
  });

  test.each([
    ["Yes", "running"],
    ["Connecting", "connecting"],
    ["Preparing", "connecting"],
    ["No", "stopped"],
  ])("says %s for a receiver that is %s", (word, receiver) => {
    expect(parseStatus([{ Master_Host: "a", Master_Port: "1", Slave_IO_Running: word }])).toMatchObject([{ receiver }]);
  });

  test.each([
    ["the thread says so", { Slave_SQL_Running_State: "Slave has read all relay log; waiting for more updates" }, true],
    [
      "MySQL 8.4 says so",
      { Replica_SQL_Running_State: "Replica has read all relay log; waiting for more updates" },
      true,
    ],
    [
      "the positions are the same",
      { Master_Log_File: "b.2", Relay_Master_Log_File: "b.2", Read_Master_Log_Pos: "9", Exec_Master_Log_Pos: "9" },
      true,
    ],
    [
      "it has not: another position",
      { Master_Log_File: "b.2", Relay_Master_Log_File: "b.2", Read_Master_Log_Pos: "9", Exec_Master_Log_Pos: "8" },
      false,
    ],
    [
      "it has not: another file",
      { Master_Log_File: "b.2", Relay_Master_Log_File: "b.1", Read_Master_Log_Pos: "9", Exec_Master_Log_Pos: "9" },
      false,
    ],
    ["it has not: nothing is known", {}, false],
  ])("knows whether all is applied: %s", (_, row, hasAppliedAll) => {
    expect(parseStatus([{ Master_Host: "a", Master_Port: "1", ...row }])).toMatchObject([{ hasAppliedAll }]);
  });
});

test.each([
  [
    { server_id: "3", server_uuid: "AB-1", read_only: "1" },
    { serverId: 3, uuid: "ab-1", isReadOnly: true },
  ],
  [
    { server_id: "0", server_uuid: null, read_only: "0" },
    { serverId: undefined, uuid: undefined, isReadOnly: false },
  ],
  [
    { server_id: "3", server_uuid: null, read_only: "NO_LOCK" },
    { serverId: 3, uuid: undefined, isReadOnly: true },
  ],
  [
    { server_id: "3", server_uuid: null, read_only: "OFF" },
    { serverId: 3, uuid: undefined, isReadOnly: false },
  ],
])("who a server is, from %j", (row, identity) => {
  expect(parseIdentity([row])).toEqual(identity);
});
