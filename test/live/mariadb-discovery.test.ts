import { createConnection, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { launch } from "../support/launch.ts";
import { type Mariadb, replicationSet, startMariadb } from "../support/mariadb.ts";
import { type AskedService, watchReplicas } from "../support/mysqlslave.ts";
import { releaseLater } from "../support/releases.ts";

/** Discovers until the list is this one. */
async function untilListed(watch: AskedService, servers: readonly (Mariadb | string)[]): Promise<void> {
  const names = servers.map((server) => (typeof server === "string" ? server : server.server));
  await eventually(`the list is ${names.join()}`, async () => (await watch.discover()).join() === names.join());
}

/** Listens on an address and connects to the master from that same address, until the test ends. */
async function startBoundRelay(address: string, port: number, master: Mariadb): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: master.address, port: master.port, localAddress: address });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  releaseLater("relay", async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
}

describe("the replicas of a master", () => {
  test("are those that registered with it, sorted, and the master last", async () => {
    const { master, replicas } = await replicationSet(2);
    const watch = watchReplicas(master);
    await untilListed(watch, [...replicas, master]);
    const never = new AbortController().signal;
    const first = await watch.service.discover({ signal: never });
    expect(first.at(-1)).toEqual({ host: master.address, port: master.port, lastResort: true });
    // The same array is how the roster knows that nothing changed.
    expect(await watch.service.discover({ signal: never })).toBe(first);
    expect(watch.logger.messages()).toEqual([]);
  });

  test.each(["keep", "remove"])("are all there is with --fallback %s", async (fallback) => {
    const { master, replicas } = await replicationSet(1);
    await untilListed(watchReplicas(master, { fallback }), replicas);
  });

  test("stay in the list when they stop, die or hang", async () => {
    const { master, replicas } = await replicationSet(2);
    const [one, two] = replicas as [Mariadb, Mariadb];
    const watch = watchReplicas(master);
    await untilListed(watch, [one, two, master]);
    await one.sql("STOP SLAVE");
    await two.kill();
    await eventually("the master lists nobody", async () => (await master.sql("SHOW SLAVE HOSTS")).length === 0);
    expect(await watch.discover()).toEqual([one.server, two.server, master.server]);
  });

  test("stay known when the master dies, and the list heals when it is back with another one", async () => {
    const { prefix, master, replicas } = await replicationSet(1);
    const watch = watchReplicas(master);
    await untilListed(watch, [...replicas, master]);
    await master.kill();
    await expect(watch.discover()).rejects.toThrow(`the master ${master.server} does not tell its replicas`);
    await master.restart();
    const later = await startMariadb({ address: `${prefix}.7`, serverId: 7 });
    await later.sql("SET GLOBAL gtid_slave_pos=''");
    await later.replicateFrom(master);
    await untilListed(watch, [...replicas, later, master]);
  });

  test("a master that is dead from the start leaves what is published as the one candidate, which must prove itself", async () => {
    const { master, replicas } = await replicationSet(1);
    const [replica] = replicas as [Mariadb];
    const stranger = await startMariadb();
    await master.kill();
    const published = { host: replica.address, port: replica.port };
    const watch = watchReplicas(master);
    expect(await watch.discover(published)).toEqual([replica.server, master.server]);
    expect(await watch.verdict(replica)).toMatchObject({ state: "up" });
    expect(await watch.verdict(stranger)).toEqual({ state: "down", reason: "is not a replica" });
  });

  test("named outright they are these, in this order, and nobody is asked", async () => {
    const { master, replicas } = await replicationSet(2);
    const named = [...replicas].reverse().map(({ address, port }) => ({ host: address, port }));
    const watch = watchReplicas(master, { replicas: named });
    expect(await watch.discover()).toEqual([...[...replicas].reverse().map(({ server }) => server), master.server]);
    await master.kill();
    expect(await watch.discover()).toHaveLength(3);
  });
});

test("a master that hangs from the start delays nothing: the list is what is published, and the error comes after it", async () => {
  const { master, replicas } = await replicationSet(1);
  const [replica] = replicas as [Mariadb];
  master.pause();
  const { service } = watchReplicas(master);
  const controller = new AbortController();
  const discover = () =>
    service.discover({
      signal: controller.signal,
      timeoutMs: 200,
      published: { host: replica.address, port: replica.port },
    });
  expect((await discover()).map(({ host }) => host)).toEqual([replica.address, master.address]);
  await expect(discover()).rejects.toThrow("does not tell its replicas");
  master.resume();
  await eventually("it tells again", discover);
});

describe("a replica without report_host", () => {
  /** A replica whose connection comes from its own address, as that of any replica but those on one machine. */
  async function silentReplica(prefix: string, master: Mariadb): Promise<Mariadb> {
    const address = `${prefix}.9`;
    const replica = await startMariadb({ address, serverId: 9, config: ["report_host="] });
    // Replicas of this machine reach its master from 127.0.0.1; a relay that is bound to an address is seen as that.
    await startBoundRelay(address, 3_399, master);
    await replica.replicateFrom({ address, port: 3_399 });
    return replica;
  }

  test("is found by its connection, and its source is known by the server id behind the relay", async () => {
    const { prefix, master, replicas } = await replicationSet(1);
    const silent = await silentReplica(prefix, master);
    const watch = watchReplicas(master);
    await untilListed(watch, [...replicas, silent, master]);
    expect(await watch.verdict(silent)).toMatchObject({ state: "up" });
  });

  test("is found with the grant PROCESS alone, and what is missing is said once", async () => {
    const { prefix, master, replicas } = await replicationSet(1);
    const silent = await silentReplica(prefix, master);
    await master.sql("REVOKE REPLICATION MASTER ADMIN ON *.* FROM 'monitor'@'127.%'");
    const watch = watchReplicas(master);
    await untilListed(watch, [silent, master]);
    await watch.discover();
    expect(watch.logger.messages("warn")).toEqual([
      `test: the user monitor lacks REPLICATION MASTER ADMIN on ${master.server}: replicas are found by their connections alone`,
    ]);
    expect(replicas).toHaveLength(1);
  });

  test("is found without PROCESS as well: MariaDB lists it with the address that it connects from", async () => {
    const { prefix, master, replicas } = await replicationSet(1);
    const silent = await silentReplica(prefix, master);
    await master.sql("REVOKE PROCESS ON *.* FROM 'monitor'@'127.%'");
    const watch = watchReplicas(master);
    await untilListed(watch, [...replicas, silent, master]);
    expect(watch.logger.messages()).toEqual([]);
  });
});

test("without both grants the error names both, and a grant heals it", async () => {
  const { master, replicas } = await replicationSet(1);
  await master.sql("REVOKE PROCESS, REPLICATION MASTER ADMIN ON *.* FROM 'monitor'@'127.%'");
  const watch = watchReplicas(master);
  // The master alone would take the place of whatever replica is published.
  await expect(watch.discover()).rejects.toMatchObject({
    cause: {
      message: expect.stringContaining(`lacks REPLICATION MASTER ADMIN and PROCESS on ${master.server}: GRANT`),
    },
  });
  await master.sql("GRANT PROCESS ON *.* TO 'monitor'@'127.%'");
  await master.sql("GRANT REPLICATION MASTER ADMIN ON *.* TO 'monitor'@'127.%'");
  await untilListed(watchReplicas(master), [...replicas, master]);
});

test("a reader of the binary log that is no replica is not taken for one", async () => {
  const { prefix, master, replicas } = await replicationSet(1);
  // A MySQL server that is no replica listens where the reader comes from: only asking it tells.
  const host = `${prefix}.8`;
  await startMariadb({ address: host });
  const login = ["--host", master.address, "--port", String(master.port), "--user=repl", "--password=repl"];
  await startBoundRelay(host, 3_398, master);
  const reader = launch("mariadb-binlog", [
    ...["--no-defaults", "--read-from-remote-server", "--stop-never", "bin.000001"],
    ...login.with(1, host).with(3, "3398"),
  ]);
  await eventually("the master sees it", async () => {
    const threads = await master.sql(
      "SELECT HOST FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'",
    );
    return threads.some((row) => String(row["HOST"]).startsWith(`${host}:`));
  });
  const watch = watchReplicas(master);
  await untilListed(watch, [...replicas, master]);
  for (let round = 0; round < 3; round++) expect(await watch.discover()).toEqual([replicas[0]?.server, master.server]);
  expect(reader.running).toBe(true);
});

describe("a replica of a replica", () => {
  async function chain() {
    const { prefix, master, replicas } = await replicationSet(1);
    const [middle] = replicas as [Mariadb];
    const last = await startMariadb({ address: `${prefix}.5`, serverId: 5 });
    await last.replicateFrom(middle);
    await last.catchUpWith(master);
    return { master, middle, last };
  }

  test("is found with --recurse and is up while the chain is whole", async () => {
    const { master, middle, last } = await chain();
    const watch = watchReplicas(master, { recurse: true });
    await untilListed(watch, [middle, last, master]);
    await watch.until(middle, "up");
    expect(await watch.until(last, "up")).toEqual({ state: "up", reason: "replicates, lag 0 s", rank: [0] });
    await middle.sql("STOP SLAVE");
    await watch.until(middle, /replication is stopped/);
    expect(await watch.verdict(last)).toEqual({
      state: "down",
      reason: `its source ${middle.server}: replication is stopped`,
    });
    await middle.kill();
    await watch.until(middle, /refused/);
    expect((await watch.until(last, /IO thread/)).state).toBe("down");
  });

  test("is not found without --recurse, and down when it is named: it does not replicate from the master", async () => {
    const { master, middle, last } = await chain();
    await untilListed(watchReplicas(master), [middle, master]);
    const named = [middle, last].map(({ address, port }) => ({ host: address, port }));
    const watch = watchReplicas(master, { replicas: named });
    await watch.discover();
    expect(await watch.verdict(last)).toEqual({
      state: "down",
      reason: `replicates from ${middle.server} (server id ${middle.serverId}), not from the master ${master.server}`,
    });
  });

  test("a ring is walked once", async () => {
    const { master, middle, last } = await chain();
    await master.replicateFrom(last, { change: "MASTER_USE_GTID=no, MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=4" });
    const watch = watchReplicas(master, { recurse: true });
    await untilListed(watch, [middle, last, master]);
    await watch.until(middle, "up");
    expect(await watch.until(last, "up")).toMatchObject({ rank: [0] });
  });
});

test("with nobody to ask for server ids, addresses and names tell whether it is the right source", async () => {
  const { prefix, master, replicas } = await replicationSet(1);
  const [replica] = replicas as [Mariadb];
  await replica.sql("STOP SLAVE", "CHANGE MASTER TO MASTER_HOST='localhost'");
  await master.kill();
  const judge = async (address: string) => {
    const watch = watchReplicas({ address, port: master.port });
    await expect(watch.discover()).rejects.toThrow();
    return (await watch.verdict(replica)).reason;
  };
  await replica.sql("START SLAVE SQL_THREAD");
  const stopped = "the IO thread does not run";
  expect(await judge("127.0.0.1")).toBe(stopped);
  expect(await judge("localhost")).toBe(stopped);
  expect(await judge(`${prefix}.77`)).toContain(`not from the master ${prefix}.77:3301`);
  expect(await judge("no-such-name.invalid")).toContain("cannot be told from here");
});
