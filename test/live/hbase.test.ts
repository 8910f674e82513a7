import { beforeAll, describe, expect, test } from "vitest";
import { hbase } from "../../checkers/hbase.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { eventually } from "../support/eventually.ts";
import { groupData, type HbaseWriter, writeHbase } from "../support/hbase.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";
import { serviceContext } from "../support/service-context.ts";
import { startZookeeper } from "../support/zookeeper.ts";

const never = new AbortController().signal;
const PATIENCE_MS = 5_000;

interface Opened {
  readonly probe: Probe;
  readonly news: string[];
  readonly losses: string[];
  look(timeoutMs?: number): Promise<Verdict>;
}

async function open(options: OptionValues): Promise<Opened> {
  const service = hbase.create(options, serviceContext());
  const [target] = await service.discover({ signal: never });
  if (target === undefined) throw new Error("there is always one");
  const probe = service.open(target);
  const opened = { probe, news: [] as string[], losses: [] as string[] };
  service.onNews?.((reason) => opened.news.push(reason));
  probe.onLost?.((reason) => opened.losses.push(reason));
  releaseLater("hbase service", () => service.close());
  return { ...opened, look: (timeoutMs = PATIENCE_MS) => ask(probe, timeoutMs, never) };
}

const untilState = (opened: Opened, state: Verdict["state"]) =>
  eventually(`it is ${state}`, async () => (await opened.look()).state === state);

describe("on one ZooKeeper, each test below a folder of its own,", () => {
  let zookeeper: Server;
  let count = 0;

  beforeAll(async () => {
    zookeeper = await startZookeeper();
  });

  async function cluster(options: OptionValues = {}): Promise<{ hbase: HbaseWriter; opened: Opened }> {
    count += 1;
    const chroot = `/cluster${count}`;
    const writer = await writeHbase(zookeeper, chroot);
    return { hbase: writer, opened: await open({ "zk-quorum": `${zookeeper.server}${chroot}`, ...options }) };
  }

  test("a cluster is up with a live region server, and down without, the moment it is gone", async () => {
    const { hbase: writer, opened } = await cluster();
    expect(await opened.look()).toEqual({ state: "down", reason: "0 region servers are alive" });
    const one = await writer.live("rs1.example.org,16020");
    await eventually("it is told of the new one", () => opened.news.length > 0);
    expect(await opened.look()).toEqual({ state: "up", reason: "1 region server is alive" });
    opened.news.length = 0;
    await one.kill();
    await eventually("it is told of the loss", () => opened.news.length > 0);
    expect(await opened.look()).toMatchObject({ state: "down" });
  });

  test("--min-live wants more than one", async () => {
    const { hbase: writer, opened } = await cluster({ "min-live": 2 });
    await writer.live("a,1");
    expect(await opened.look()).toEqual({ state: "down", reason: "1 region server is alive, less than 2" });
    await writer.live("b,1");
    expect(await opened.look()).toMatchObject({ state: "up" });
  });

  test("what is no region server among the children does not count", async () => {
    const { hbase: writer, opened } = await cluster();
    await writer.live("draining");
    expect(await opened.look()).toMatchObject({ state: "down" });
  });

  test("a group is up while it and default have live servers, whatever the case of their names", async () => {
    const { hbase: writer, opened } = await cluster({ "hbase-rs-group": "oltp" });
    await writer.group("default", ["D1.example.org,16020"]);
    await writer.group("oltp", ["o1.example.org,16020", "o2.example.org,16020"], { meta: true });
    const d1 = await writer.live("d1.example.org,16020");
    expect(await opened.look()).toEqual({
      state: "down",
      reason: "group oltp: 0 of 2 region servers alive",
    });
    await writer.live("O1.example.org,16020");
    expect(await opened.look()).toEqual({
      state: "up",
      reason: "oltp: 1 of 2, default: 1 of 1 region servers are alive",
    });
    await d1.kill();
    await untilState(opened, "down");
    expect((await opened.look()).reason).toBe("group default: 0 of 1 region servers alive");
  });

  test("a server of another port is another server", async () => {
    const { hbase: writer, opened } = await cluster({ "hbase-rs-group": "default" });
    await writer.group("default", ["a,16020"]);
    await writer.live("a,16030");
    expect(await opened.look()).toMatchObject({ state: "down" });
  });

  test("a group that is made, changed and deleted while it runs is news each time", async () => {
    const { hbase: writer, opened } = await cluster({ "hbase-rs-group": "oltp" });
    await writer.live("a,1", "b,1");
    await writer.group("default", ["a,1"]);
    expect(await opened.look()).toEqual({ state: "down", reason: "group oltp: there is no such group" });
    opened.news.length = 0;
    await writer.group("oltp", ["b,1"]);
    await eventually("it is told that it was made", () => opened.news.length > 0);
    expect(await opened.look()).toMatchObject({ state: "up" });
    opened.news.length = 0;
    await writer.group("oltp", ["c,1"]);
    await eventually("it is told that it was changed", () => opened.news.length > 0);
    expect(await opened.look()).toMatchObject({ state: "down" });
  });

  test("while HBase makes a group anew, empty at first, its last servers count", async () => {
    const { hbase: writer, opened } = await cluster({ "hbase-rs-group": "oltp" });
    await writer.live("a,1", "b,1");
    await writer.group("default", ["a,1"]);
    await writer.group("oltp", ["b,1"]);
    expect(await opened.look()).toMatchObject({ state: "up" });
    await writer.rawGroup("oltp", undefined);
    expect(await opened.look()).toMatchObject({ state: "up" });
    await writer.rawGroup("oltp", Buffer.alloc(0));
    expect(await opened.look()).toMatchObject({ state: "up" });
    await writer.group("oltp", ["c,1"]);
    expect(await opened.look()).toMatchObject({ state: "down" });
  });

  test("a group that nobody can read is down, in words", async () => {
    const { hbase: writer, opened } = await cluster({ "hbase-rs-group": "oltp" });
    await writer.live("a,1");
    await writer.group("default", ["a,1"]);
    for (const data of [Buffer.from("nonsense"), groupData("oltp", ["a,1"]).subarray(0, 12), Buffer.from([0xff, 1])]) {
      await writer.rawGroup("oltp", data);
      expect((await opened.look()).reason).toMatch(/^group oltp: its znode cannot be read: /);
    }
    await writer.rawGroup("oltp", Buffer.alloc(0));
    expect(await opened.look()).toEqual({ state: "down", reason: "group oltp: it is empty" });
  });

  test("a folder that is not HBase's is down, in words", async () => {
    const opened = await open({ "zk-quorum": `${zookeeper.server}/no/such/folder` });
    expect(await opened.look()).toEqual({ state: "down", reason: "HBase has no /no/such/folder/rs in ZooKeeper" });
  });
});

describe("when ZooKeeper", () => {
  test("was never reached, the cluster is down", async () => {
    const opened = await open({ "zk-quorum": `${await loopbackPrefix()}.1:22181/hbase` });
    expect(await opened.look()).toEqual({ state: "down", reason: "connection refused" });
  });

  test("crashes, that is news, and says nothing yet of the region servers; it goes on when it is back", async () => {
    const zookeeper = await startZookeeper();
    const writer = await writeHbase(zookeeper);
    await writer.live("a,1");
    const opened = await open({ "zk-quorum": `${zookeeper.server}/hbase` });
    expect(await opened.look()).toMatchObject({ state: "up" });
    await zookeeper.kill();
    await eventually("the loss is told", () => opened.losses.length > 0);
    expect(await opened.look()).toMatchObject({ state: "unknown", reason: expect.stringContaining("out of reach") });
    await zookeeper.restart();
    await eventually("it is read again", async () => (await opened.look()).state !== "unknown");
  });

  test("is away for longer than --zk-lost-after, the cluster is down", async () => {
    const zookeeper = await startZookeeper();
    const writer = await writeHbase(zookeeper);
    await writer.live("a,1");
    const opened = await open({ "zk-quorum": `${zookeeper.server}/hbase`, "zk-lost-after": 0 });
    expect(await opened.look()).toMatchObject({ state: "up" });
    await zookeeper.kill();
    await untilState(opened, "down");
  });

  test("hangs, that is noticed by its silence, and mended when it goes on", async () => {
    const zookeeper = await startZookeeper();
    const writer = await writeHbase(zookeeper);
    await writer.live("a,1");
    const opened = await open({ "zk-quorum": `${zookeeper.server}/hbase` });
    expect(await opened.look()).toMatchObject({ state: "up" });
    zookeeper.pause();
    await eventually("it hangs", async () => (await opened.look(200)).state === "unknown");
    zookeeper.resume();
    await eventually("it is read again", async () => (await opened.look()).state !== "unknown");
  });

  test("has several members, the next one is asked in the same breath", async () => {
    const zookeeper = await startZookeeper();
    const writer = await writeHbase(zookeeper);
    await writer.live("a,1");
    const nobody = `${await loopbackPrefix()}.1:22181`;
    const opened = await open({ "zk-quorum": `${nobody},${nobody.replace(".1:", ".2:")},${zookeeper.server}/hbase` });
    for (let round = 0; round < 5; round++) expect(await opened.look()).toMatchObject({ state: "up" });
  });
});
