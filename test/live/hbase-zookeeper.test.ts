import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type HbaseWriter, writeHbase } from "../support/hbase.ts";
import { checkHbase } from "../support/hbase-checker.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import type { Server } from "../support/server.ts";
import { startZookeeper } from "../support/zookeeper.ts";

/** One region server lives. */
async function startCluster(): Promise<{ zookeeper: Server; quorum: string; hbase: HbaseWriter }> {
  const zookeeper = await startZookeeper();
  const hbase = await writeHbase(zookeeper);
  await hbase.live("a,1");
  return { zookeeper, quorum: `${zookeeper.server}/hbase`, hbase };
}

test("a ZooKeeper that was never reached is down", async () => {
  const checker = await checkHbase(`${await loopbackPrefix()}.1:22181/hbase`);
  expect(await checker.look()).toEqual({ state: "down", reason: "connection refused" });
});

test("a ZooKeeper that crashes is news, says nothing yet of the region servers, and is read again when it is back", async () => {
  const { zookeeper, quorum } = await startCluster();
  const checker = await checkHbase(quorum);
  expect(await checker.look()).toMatchObject({ state: "up" });
  await zookeeper.kill();
  await eventually("the loss is told", () => checker.losses.length > 0);
  expect(await checker.look()).toEqual({
    state: "unknown",
    reason: expect.stringMatching(/^ZooKeeper cannot be read: .*ECONNREFUSED/),
  });
  await zookeeper.restart();
  await eventually("it is read again", async () => (await checker.look()).state !== "unknown");
});

test("a ZooKeeper that is away for longer than --zk-lost-after is down", async () => {
  const { zookeeper, quorum } = await startCluster();
  const checker = await checkHbase(quorum, { "zk-lost-after": 0 });
  expect(await checker.look()).toMatchObject({ state: "up" });
  await zookeeper.kill();
  await eventually("the loss is told", () => checker.losses.length > 0);
  expect(await checker.look()).toEqual({ state: "down", reason: "connection refused" });
});

test("a ZooKeeper that hangs is noticed by its silence, and mended when it goes on", async () => {
  const { zookeeper, quorum } = await startCluster();
  const checker = await checkHbase(quorum);
  expect(await checker.look()).toMatchObject({ state: "up" });
  zookeeper.pause();
  await eventually("it hangs", async () => (await checker.look(200)).state === "unknown");
  zookeeper.resume();
  await eventually("it is read again", async () => (await checker.look()).state !== "unknown");
});

test("of several members, each that does not answer is passed over in the same breath", async () => {
  const [one, other] = [await startCluster(), await startCluster()];
  const checker = await checkHbase(`${one.zookeeper.server},${other.quorum}`);
  expect(await checker.look()).toMatchObject({ state: "up" });
  one.zookeeper.pause();
  // The signal takes a moment to stop it: as soon as it does not answer, the other one is asked, and asked first.
  for (let round = 0; round < 20; round++) expect(await checker.look(4_000)).toMatchObject({ state: "up" });
  await other.zookeeper.kill();
  one.zookeeper.resume();
  await eventually("the first one is asked again", async () => (await checker.look()).state !== "unknown");
});

test("a session that ends because we ask too seldom is begun anew, and its watches with it", async () => {
  const zookeeper = await startZookeeper({ maxSessionMs: 500 });
  const hbase = await writeHbase(zookeeper);
  const checker = await checkHbase(`${zookeeper.server}/hbase`);
  expect(await checker.look()).toMatchObject({ state: "down" });
  await eventually("ZooKeeper ends the session", () => checker.losses.length > 0);
  expect(await checker.look()).toMatchObject({ state: "down" });
  await hbase.live("a,1");
  await eventually("it is told of the new region server", () => checker.news.length > 0);
  expect(await checker.look()).toMatchObject({ state: "up" });
});
