import { expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type Mariadb, MONITOR, replicationSet } from "../support/mariadb.ts";
import { startProgram } from "../support/program.ts";

const KEY = "haproxy/mysqlslave/slave3301";

/** The whole program over a real Consul, with a master and two replicas. */
async function stage(...more: readonly string[]) {
  const consul = await startConsul();
  const { master, replicas } = await replicationSet(2);
  const [one, two] = replicas as [Mariadb, Mariadb];
  const checker = startProgram(
    "checkers",
    [
      ...["mysqlslave", "--host", master.address, "--port", `${master.port}`, "--user", MONITOR.user],
      ...["--tag", "slave3301", "--consul", `${consul.address}:${consul.port}`, "--interval", "200ms"],
      ...more,
    ],
    { CONFD_HAPROXY_PASSWORD: MONITOR.password },
  );
  const entry = async () => JSON.parse((await consul.kv.get(KEY)) ?? "{}") as Entry;
  const until = async (what: string, ...servers: readonly Mariadb[]) => {
    const wanted = servers.map(({ address }) => address);
    try {
      await eventually(what, async () => JSON.stringify(addresses(await entry())) === JSON.stringify(wanted));
    } catch (error) {
      throw new Error(`${JSON.stringify(await entry())}\n${checker.stderr()}`, { cause: error });
    }
  };
  return { master, one, two, entry, until };
}

interface Entry {
  readonly host?: string;
  readonly servers?: readonly { readonly host: string }[];
}

function addresses({ host, servers }: Entry): readonly string[] {
  return servers?.map((server) => server.host) ?? (host === undefined ? [] : [host]);
}

/** An event of ten minutes ago, held up before it is applied. */
async function lag(master: Mariadb, replica: Mariadb): Promise<void> {
  await replica.sql("STOP SLAVE SQL_THREAD");
  await master.sql("SET timestamp=unix_timestamp()-600", "INSERT INTO t.a VALUES(7)");
  await replica.sql("STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=100000", "START SLAVE");
}

test("--publish all: every healthy replica is in the list, a lagging one leaves, the master serves when none is left", async () => {
  const { master, one, two, entry, until } = await stage("--publish", "all", "--rise", "2");
  await until("both are published", one, two);
  expect(await entry()).toEqual({
    name: "slave3301",
    host: one.address,
    port: one.port,
    proxyport: master.port + 10_050,
    servers: [
      { host: one.address, port: one.port },
      { host: two.address, port: two.port },
    ],
  });
  await lag(master, one);
  await until("the one without lag is left", two);
  await two.sql("STOP SLAVE");
  await until("the master serves", master);
  await two.sql("START SLAVE");
  await until("the replica is back", two);
});

test("--min-servers: a lagging replica fills up, one whose replication is stopped does not", async () => {
  const { master, one, two, entry, until } = await stage("--publish", "all", "--min-servers", "2");
  await until("both are published", one, two);
  await lag(master, one);
  await eventually("the healthy one comes first", async () => (await entry()).host === two.address);
  await until("both stay", one, two);
  await two.sql("STOP SLAVE");
  await until("the lagging one alone", one);
});
