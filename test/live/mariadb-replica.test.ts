import { type Connection, createConnection } from "mysql2/promise";
import { beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Mariadb, MONITOR, replicationSet, startMariadb } from "../support/mariadb.ts";
import { type AskedService, watchReplicas } from "../support/mysqlslave.ts";
import { releaseLater } from "../support/releases.ts";

let master: Mariadb;
let replica: Mariadb;
let watch: AskedService;

beforeEach(async () => {
  const set = await replicationSet(1);
  master = set.master;
  [replica] = set.replicas as [Mariadb];
  watch = watchReplicas(master);
  await watch.discover();
  await watch.until(replica, "up");
});

describe("a replica of a living master", () => {
  test("that replicates is up, with its lag as its rank", async () => {
    expect(await watch.verdict(replica)).toEqual({ state: "up", reason: "replicates, lag 0 s", rank: [0] });
  });

  test.each([
    ["STOP SLAVE", "replication is stopped"],
    ["STOP SLAVE SQL_THREAD", "the SQL thread does not run"],
    ["STOP SLAVE IO_THREAD", "the IO thread does not run"],
  ])("after %s it is down, and up again when it goes on", async (statement, reason) => {
    await replica.sql(statement);
    expect(await watch.verdict(replica)).toEqual({ state: "down", reason });
    await replica.sql("START SLAVE");
    await watch.until(replica, "up");
  });

  test("whose SQL thread met an error is down with that error", async () => {
    await replica.sql("SET sql_log_bin=0", "INSERT INTO t.a VALUES(5)");
    await master.sql("INSERT INTO t.a VALUES(5)");
    const { state, reason } = await watch.until(replica, /SQL thread/);
    expect(state).toBe("down");
    expect(reason).toMatch(/^the SQL thread does not run: error 1062: .*Duplicate entry/);
  });

  test("that may not log in at the master any more is down with the reason", async () => {
    await master.sql("SET PASSWORD FOR 'repl'@'127.%'=PASSWORD('x')");
    await replica.sql("STOP SLAVE", "START SLAVE");
    const { state, reason } = await watch.until(replica, /1045/);
    expect(state).toBe("down");
    expect(reason).toMatch(/^the IO thread is not connected: error 1045: /);
  });

  test("that lags by more than --max-lag is down, and a makeshift with its lag", async () => {
    await replica.sql("STOP SLAVE SQL_THREAD");
    await master.sql("SET timestamp=unix_timestamp()-600", "INSERT INTO t.a VALUES(7)");
    const release = await replica.hold("LOCK TABLES t.a READ");
    await replica.sql("START SLAVE");
    const verdict = await watch.until(replica, /lag 6\d\d s is more than 30 s/);
    expect(verdict).toMatchObject({ state: "down", makeshift: [expect.any(Number)] });
    await release();
    await watch.until(replica, "up");
  });

  test("that lags on purpose is up as long as the lag is not more than --max-lag", async () => {
    await replica.sql("STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=3600", "START SLAVE");
    const strict = watchReplicas(master, { "max-lag": 1_000 });
    await strict.discover();
    await master.sql("INSERT INTO t.a VALUES(8)");
    await strict.until(replica, /lag \d+ s is more than 1 s/);
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
  });

  test("that takes writes is down where --require-read-only is given, and only there", async () => {
    const strict = watchReplicas(master, { "require-read-only": true });
    await strict.discover();
    expect(await strict.verdict(replica)).toMatchObject({ state: "up" });
    await replica.sql("SET GLOBAL read_only=0");
    expect(await strict.verdict(replica)).toEqual({ state: "down", reason: "read_only is OFF" });
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
  });

  test("that is no replica any more is down", async () => {
    await replica.sql("STOP SLAVE", "RESET SLAVE ALL");
    expect(await watch.verdict(replica)).toEqual({ state: "down", reason: "is not a replica" });
  });

  test("that replicates from another master is down, however healthy", async () => {
    const other = await startMariadb();
    await replica.sql("STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL gtid_slave_pos=''", "RESET MASTER");
    await replica.replicateFrom(other);
    expect(await watch.verdict(replica)).toEqual({
      state: "down",
      reason: `replicates from ${other.server} (server id ${other.serverId}), not from the master ${master.server}`,
    });
  });

  test("that has a second source is judged by the expected one alone", async () => {
    const other = await startMariadb();
    await replica.replicateFrom(other, { channel: "second", change: "MASTER_USE_GTID=no" });
    await replica.sql("STOP SLAVE 'second'");
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
    await replica.sql("START SLAVE 'second'", "STOP SLAVE ''");
    expect(await watch.verdict(replica)).toEqual({ state: "down", reason: "replication is stopped" });
  });
});

describe("the checker's own login", () => {
  test("with a wrong password nothing can be told, and the password is in no word of it", async () => {
    const wrong = watchReplicas(master, { password: "hunter2" });
    await expect(wrong.discover()).rejects.toThrow("does not tell its replicas");
    const verdict = await wrong.verdict(replica);
    expect(verdict).toMatchObject({ state: "unknown", reason: expect.stringContaining("Access denied for user") });
    expect(JSON.stringify([verdict, wrong.logger.lines])).not.toContain("hunter2");
    // The connection that was refused is not asked again.
    expect(await wrong.verdict(replica)).toEqual(verdict);
  });

  test("a revoked grant is named as soon as a connection has to be made anew, and one that is made counts at once", async () => {
    await replica.sql("REVOKE SLAVE MONITOR ON *.* FROM 'monitor'@'127.%'");
    // What an open connection may do was settled when it logged in.
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
    await replica.restart();
    const { state, reason } = await watch.until(replica, /SLAVE MONITOR/);
    expect(state).toBe("unknown");
    expect(reason).toContain("; grant it");
    await replica.sql("GRANT SLAVE MONITOR ON *.* TO 'monitor'@'127.%'");
    await watch.until(replica, "up");
  });

  test("too many connections are the server's trouble: down", async () => {
    const late = watchReplicas(master);
    await late.discover();
    await replica.sql("SET GLOBAL max_connections=10");
    const taken: Connection[] = [];
    releaseLater("connections", () => {
      for (const one of taken) one.destroy();
    });
    // The tenth is that of the probe that found it up.
    await eventually("all are taken", async () => {
      taken.push(await createConnection({ host: replica.address, port: replica.port, ...MONITOR }));
      return taken.length === 9;
    });
    expect(await late.verdict(replica)).toEqual({ state: "down", reason: "Too many connections" });
    taken.pop()?.destroy();
    await late.until(replica, "up");
  });

  test("a locked account, an expired password and a host that is not let in are not the server's fault", async () => {
    const words: Readonly<Record<string, RegExp>> = {
      "ALTER USER 'monitor'@'127.%' ACCOUNT LOCK": /account is locked/,
      "ALTER USER 'monitor'@'127.%' ACCOUNT UNLOCK PASSWORD EXPIRE": /password has expired/,
      "RENAME USER 'monitor'@'127.%' TO 'monitor'@'10.%'": /check the user|create the user/,
    };
    for (const [statement, reason] of Object.entries(words)) {
      await replica.sql(statement);
      const late = watchReplicas(master);
      await late.discover();
      const verdict = await late.verdict(replica);
      expect(verdict).toMatchObject({ state: "unknown", reason: expect.stringMatching(reason) });
    }
  });
});

describe("a server that is gone", () => {
  test("a killed replica refuses, and is up when it is back", async () => {
    await replica.kill();
    expect(await watch.verdict(replica)).toEqual({ state: "down", reason: "connection refused" });
    await replica.restart();
    await watch.until(replica, "up");
  });

  test("the master answers as the last resort, and refuses when it is killed", async () => {
    expect(await watch.verdict(master)).toEqual({ state: "up", reason: "the master answers" });
    await master.kill();
    await eventually("it refuses", async () => (await watch.verdict(master)).reason === "connection refused");
  });

  test("a replica of a killed master still serves what it received", async () => {
    await master.kill();
    const verdict = await watch.until(replica, /the master is gone/);
    expect(verdict).toEqual({
      state: "up",
      reason: "the master is gone; all that was received is applied",
      rank: [0],
    });
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
  });

  test("so does a replica of a master that hangs", async () => {
    master.pause();
    await replica.sql("STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD");
    await watch.until(replica, /the master is gone/);
  });

  test("a replica that nobody stopped by hand stays up while its master is restarted", async () => {
    await replica.sql("STOP SLAVE", "CHANGE MASTER TO MASTER_CONNECT_RETRY=3", "START SLAVE");
    await watch.until(replica, "up");
    await master.kill();
    await watch.until(replica, /the master is gone/);
    await master.restart();
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
    await watch.until(replica, /^replicates/);
  });

  test("a replica that gave up on its master is no worse than one that still tries", async () => {
    await master.kill();
    await watch.until(replica, /the master is gone/);
    // After its last try it looks as if it was stopped: not running, with the error of that try.
    await replica.sql("STOP SLAVE IO_THREAD");
    expect(await watch.verdict(replica)).toMatchObject({
      state: "up",
      reason: expect.stringContaining("master is gone"),
    });
    await master.restart();
    await replica.sql("START SLAVE IO_THREAD");
    await watch.until(replica, /^replicates/);
  });
});
