import { describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { loopbackPrefix } from "../../support/loopback.ts";
import { watchReplicas } from "../../support/mysqlslave.ts";
import { type ScriptedAnswer, type ScriptedError, startScriptedMysql } from "../../support/scripted-mysql.ts";

const MASTER_UUID = "11111111-1111-1111-1111-111111111111";
const REPLICA_UUID = "22222222-2222-2222-2222-222222222222";

/** A row in the words of MySQL 8.4, "SHOW REPLICA STATUS". */
function statusRow(master: string, more: Readonly<Record<string, string | number | null>> = {}) {
  return {
    Replica_IO_State: "Waiting for source to send event",
    Source_Host: master,
    Source_User: "repl",
    Source_Port: 3306,
    Connect_Retry: 60,
    Source_Log_File: "binlog.000002",
    Read_Source_Log_Pos: 927,
    Relay_Source_Log_File: "binlog.000002",
    Replica_IO_Running: "Yes",
    Replica_SQL_Running: "Yes",
    Exec_Source_Log_Pos: 927,
    Seconds_Behind_Source: 0,
    Last_IO_Errno: 0,
    Last_IO_Error: "",
    Last_SQL_Errno: 0,
    Last_SQL_Error: "",
    Source_Server_Id: 1,
    Source_UUID: MASTER_UUID,
    Replica_SQL_Running_State: "Replica has read all relay log; waiting for more updates",
    Channel_Name: "",
    ...more,
  };
}

interface Pair {
  readonly version?: string;
  readonly status?: (master: string) => ScriptedAnswer;
  /** What the master says to SHOW REPLICAS or SHOW SLAVE HOSTS. */
  readonly listing?: (replica: string) => ScriptedAnswer;
  readonly readers?: (replica: string) => readonly string[];
  readonly grants?: readonly string[];
}

/** A scripted master and its replica. Only the words of its version are understood. */
async function pair({ version = "8.4.3", status, listing, readers, grants }: Pair) {
  const prefix = await loopbackPrefix();
  const replicaAddress = `${prefix}.3`;
  const masterAddress = `${prefix}.2`;
  const isNew = version.startsWith("8.4") || version === "8.0.22";
  const common = (statement: string, id: number, uuid: string): ScriptedAnswer => {
    if (statement.startsWith("SELECT @@version")) return [{ version }];
    if (statement.startsWith("SELECT @@server_id")) return [{ server_id: id, server_uuid: uuid, read_only: id - 1 }];
    return syntaxError(statement);
  };
  const master = await startScriptedMysql(
    {
      version,
      answer(statement) {
        if (statement === (isNew ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS")) {
          return listing?.(replicaAddress) ?? [{ Server_Id: 2, Host: replicaAddress, Port: 3306, Source_Id: 1 }];
        }
        if (statement.includes("PROCESSLIST")) {
          return (readers?.(replicaAddress) ?? [`${replicaAddress}:40000`]).map((host) => ({ host }));
        }
        if (statement === "SHOW GRANTS") return (grants ?? []).map((grant) => ({ "Grants for monitor@%": grant }));
        return common(statement, 1, MASTER_UUID);
      },
    },
    masterAddress,
  );
  const replica = await startScriptedMysql(
    {
      version,
      answer(statement) {
        if (statement === (isNew ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS")) {
          return status?.(masterAddress) ?? [statusRow(masterAddress)];
        }
        return common(statement, 2, REPLICA_UUID);
      },
    },
    replicaAddress,
  );
  return { master, replica, names: [`${replicaAddress}:3306`, `${masterAddress}:3306`] };
}

function syntaxError(statement: string): ScriptedError {
  return { errno: 1064, sqlState: "42000", message: `You have an error in your SQL syntax near '${statement}'` };
}

const DENIED: ScriptedError = {
  errno: 1227,
  sqlState: "42000",
  message: "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation",
};

describe("MySQL 8.4, which has only the new words", () => {
  test("is asked in them, and a replica is up by the UUID of its source, whatever it calls it", async () => {
    const { master, replica, names } = await pair({ status: () => [statusRow("db-master.internal")] });
    const watch = watchReplicas(master);
    expect(await watch.discover()).toEqual(names);
    expect(await watch.verdict(replica)).toEqual({ state: "up", reason: "replicates, lag 0 s", rank: [0] });
    expect(watch.logger.messages()).toEqual([]);
  });

  test("a source with another UUID is another server, also under the same name", async () => {
    const other = { Source_UUID: REPLICA_UUID };
    const { master, replica } = await pair({ status: (at) => [statusRow(at, other)] });
    const watch = watchReplicas(master);
    await watch.discover();
    expect(await watch.verdict(replica)).toMatchObject({
      state: "down",
      reason: expect.stringContaining("not from the master"),
    });
  });

  test("of several channels the one from the master counts", async () => {
    const elsewhere = { Channel_Name: "other", Source_UUID: REPLICA_UUID, Replica_SQL_Running: "No" };
    const { master, replica } = await pair({
      status: (at) => [statusRow(at, elsewhere), statusRow(at, { Channel_Name: "main", Seconds_Behind_Source: 7 })],
    });
    const watch = watchReplicas(master);
    await watch.discover();
    expect(await watch.verdict(replica)).toEqual({ state: "up", reason: "replicates, lag 7 s", rank: [7] });
  });

  test.each([
    [
      { Replica_SQL_Running: "No", Last_SQL_Errno: 1062, Last_SQL_Error: "Duplicate entry '5'\nfor key" },
      "the SQL thread does not run: error 1062: Duplicate entry '5' for key",
    ],
    [{ Replica_IO_Running: "No" }, "the IO thread does not run"],
    [
      { Replica_IO_Running: "No", Last_IO_Errno: 13114, Last_IO_Error: "purged" },
      "the IO thread does not run: error 13114: purged",
    ],
    [{ Seconds_Behind_Source: null }, "lag is not known (NULL)"],
    [{ Seconds_Behind_Source: 45 }, "lag 45 s is more than 30 s"],
  ])("a status with %j is down: %s", async (more, reason) => {
    const { master, replica } = await pair({ status: (at) => [statusRow(at, more)] });
    const watch = watchReplicas(master);
    await watch.discover();
    expect(await watch.verdict(replica)).toMatchObject({ state: "down", reason });
  });

  test("a replica that reports no host is found by its connection, unless PROCESS is missing, which is said", async () => {
    const silent = () => [{ Server_Id: 2, Host: "", Port: 3306, Source_Id: 1 }];
    const found = await pair({ listing: silent });
    const watch = watchReplicas(found.master);
    expect(await watch.discover()).toEqual(found.names);
    const hidden = await pair({ listing: silent, readers: () => [], grants: ["GRANT USAGE ON *.* TO `monitor`@`%`"] });
    const blind = watchReplicas(hidden.master);
    expect(await blind.discover()).toEqual([hidden.names[1]]);
    expect(blind.logger.messages("warn")).toEqual([
      `test: the user monitor lacks PROCESS on ${hidden.names[1]}: replicas without report_host are not found`,
    ]);
  });

  test("a server that is known under its reported name is not listed again under the address it connects from", async () => {
    const { master, names } = await pair({
      listing: () => [{ Server_Id: 2, Host: "replica.internal", Port: 3306, Source_Id: 1 }],
    });
    expect(await watchReplicas(master).discover()).toEqual(["replica.internal:3306", names[1]]);
  });

  test("the statement that was refused is not asked each round, and it is said once what is missing", async () => {
    const { master, names } = await pair({ listing: () => DENIED });
    const watch = watchReplicas(master);
    for (let round = 0; round < 5; round++) expect(await watch.discover()).toEqual(names);
    expect(master.statements.filter((statement) => statement === "SHOW REPLICAS")).toHaveLength(1);
    expect(watch.logger.messages("warn")).toEqual([
      `test: the user monitor lacks REPLICATION SLAVE on ${names[1]}: replicas are found by their connections alone`,
    ]);
  });

  test("a user whose role may hold PROCESS is believed to have it", async () => {
    const { master, names } = await pair({ readers: () => [], grants: ["GRANT `watcher`@`%` TO `monitor`@`%`"] });
    const watch = watchReplicas(master);
    expect(await watch.discover()).toEqual(names);
    expect(watch.logger.messages()).toEqual([]);
  });
});

describe("MySQL before 8.0.22", () => {
  test.each(["5.7.44-log", "8.0.21"])("%s is asked in the old words", async (version) => {
    const old = (at: string) => ({
      Master_Host: at,
      Master_Port: 3306,
      Master_Server_Id: 1,
      Master_UUID: MASTER_UUID,
      Slave_IO_Running: "Yes",
      Slave_SQL_Running: "Yes",
      Seconds_Behind_Master: 3,
      Channel_Name: "",
    });
    const { master, replica, names } = await pair({ version, status: (at) => [old(at)] });
    const watch = watchReplicas(master);
    expect(await watch.discover()).toEqual(names);
    expect(await watch.verdict(replica)).toEqual({ state: "up", reason: "replicates, lag 3 s", rank: [3] });
  });
});

describe("a connection", () => {
  test("that the server dismisses with words is told of at once, with the words", async () => {
    const { master } = await pair({});
    const { service } = watchReplicas(master);
    const probe = service.open({ host: master.address, port: master.port });
    const lost: string[] = [];
    probe.onLost?.((reason) => lost.push(reason));
    await probe.check({ signal: new AbortController().signal });
    master.dismiss({ errno: 4031, message: "The client was disconnected by the server because of inactivity" });
    await eventually("it is told", () => lost.length > 0);
    expect(lost).toEqual(["The client was disconnected by the server because of inactivity"]);
    await probe.close();
  });

  test("ends with a farewell when the probe is closed", async () => {
    const { master } = await pair({});
    const { service } = watchReplicas(master);
    const probe = service.open({ host: master.address, port: master.port });
    await probe.check({ signal: new AbortController().signal });
    await probe.close();
    await eventually("it is gone", () => master.connections() === 0);
    expect(master.farewells()).toBe(1);
  });

  test.each<readonly [ScriptedError, "down" | "unknown"]>([
    [{ errno: 1040, message: "Too many connections" }, "down"],
    [{ errno: 3032, message: "The server is currently in offline mode" }, "down"],
    [{ errno: 1053, message: "Server shutdown in progress" }, "down"],
    [{ errno: 1129, message: "Host '10.0.0.1' is blocked" }, "unknown"],
    [{ errno: 1130, message: "Host '10.0.0.1' is not allowed to connect" }, "unknown"],
    [{ errno: 3118, message: "Access denied: account is locked" }, "unknown"],
    [{ errno: 1203, message: "User monitor already has more than 'max_user_connections'" }, "unknown"],
  ])("that is refused with %j is %s", async (refuse, state) => {
    const server = await startScriptedMysql({ version: "8.4.3", answer: () => [], refuse });
    const verdict = await watchReplicas(server).verdict(server);
    expect(verdict).toMatchObject({ state, reason: expect.stringContaining(refuse.message) });
  });
});
