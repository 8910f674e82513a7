import { join } from "node:path";
import { expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { replicationSet } from "../support/mariadb.ts";
import { startMemcached } from "../support/memcached.ts";
import { folderWith, startProgram } from "../support/program.ts";

// How the replaced checkers were called, by Perl's Getopt::Long: --opt value, --opt=value, one dash or two, and
// --server several times. Only their own names, checkmemcached and checkmysqlslave, have become `checkers <kind>`.

test.each([
  [
    "--opt value",
    (servers: string[], consul: string) => [
      "--server",
      servers.join(","),
      "--tag",
      "mem11211",
      "--consul",
      consul,
      "--token",
      "T",
    ],
  ],
  [
    "--opt=value",
    (servers: string[], consul: string) => [`--server=${servers}`, "--tag=mem11211", `--consul=${consul}`, "--token=T"],
  ],
  [
    "one dash, and --server several times",
    (servers: string[], consul: string) => [
      ...servers.flatMap((server) => ["-server", server]),
      ...["-tag", "mem11211", "-consul", consul, "-token", "T", "--verbose"],
    ],
  ],
])("checkmemcached's command line, with %s", async (_, line) => {
  const consul = await startConsul();
  const [a, b] = [await startMemcached(), await startMemcached()];
  const checker = startProgram("checkers", [
    "memcached",
    ...line([a.server, b.server], `${consul.address}:${consul.port}`),
  ]);
  const entry = (host: string) => `{"name":"mem11211","host":"${host}","port":21211,"proxyport":26211}`;
  const value = () => consul.kv.get("haproxy/memcached/mem11211");
  await eventually("the first is published", async () => (await value()) === entry(a.address));
  await a.kill();
  await eventually("the second is published", async () => (await value()) === entry(b.address));
  expect(await checker.stop()).toEqual({ code: 0, signal: null });
});

test("checkmysqlslave's command line with its db.conf: a replica is published, and the master when there is none", async () => {
  const consul = await startConsul();
  const { master, replicas } = await replicationSet(1);
  const [replica] = replicas;
  if (replica === undefined) throw new Error("one replica was asked for");
  // the sample of the replaced tool, key by key
  const folder = folderWith({
    "db.conf": `[slave3301]
database=information_schema
host=${master.address}
port=3301
user=monitor
password=monitor
default-character-set=utf8
[slave3302]
database=information_schema
host=10.0.21.7
`,
  });
  const args = ["--conf", join(folder, "db.conf"), "--tag", "slave3301"];
  const consulArgs = ["--consul", `${consul.address}:${consul.port}`, "--token", "T", "--debug"];
  const checker = startProgram("checkers", ["mysqlslave", ...args, ...consulArgs]);
  const entry = (host: string) => `{"name":"slave3301","host":"${host}","port":3301,"proxyport":13351}`;
  const value = () => consul.kv.get("haproxy/mysqlslave/slave3301");
  await eventually("the replica is published", async () => (await value()) === entry(replica.address));
  await replica.kill();
  await eventually("the master is published", async () => (await value()) === entry(master.address));
  expect(await checker.stop()).toEqual({ code: 0, signal: null });
  expect(checker.stderr()).not.toContain('monitor"');
});
