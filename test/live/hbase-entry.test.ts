import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { writeHbase } from "../support/hbase.ts";
import { runProgram, startProgram } from "../support/program.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startZookeeper } from "../support/zookeeper.ts";

test("an entry names --server while the cluster is up, and with --fallback remove is gone while it is down", async () => {
  const zookeeper = await startZookeeper();
  const hbase = await writeHbase(zookeeper);
  await hbase.stay("a,1");
  const store = tempDir("store");
  const args = ["hbase", "--zk-quorum", `${zookeeper.server}/hbase`, "--server", "10.0.1.9:9090", "--agent-port", "0"];
  startProgram("checkers", [...args, "--store", `file:${store}`, "--fallback", "remove"]);
  const file = join(store, "haproxy/hbase/hbase");
  await eventually("it is published", () => existsSync(file));
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
    name: "hbase",
    host: "10.0.1.9",
    port: 9_090,
    proxyport: 19_090,
  });
  await hbase.remove("a,1");
  await eventually("it is removed", () => !existsSync(file));
  await hbase.stay("a,1");
  await eventually("it is published again", () => existsSync(file));
});

test("one round by --once says by its exit code whether the cluster is up, and why not", async () => {
  const zookeeper = await startZookeeper();
  const hbase = await writeHbase(zookeeper);
  const args = ["hbase", "--zk-quorum", `${zookeeper.server}/hbase`, "--timeout", "10s", "--once"];
  const down = await runProgram("checkers", args);
  expect(down).toMatchObject({ code: 1, stdout: expect.stringContaining("no region servers are alive") });
  await hbase.stay("a,1");
  const up = await runProgram("checkers", args);
  expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining("1 region server is alive") });
});
