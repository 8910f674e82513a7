import { beforeAll, describe, expect, test } from "vitest";
import type { OptionValues } from "../../src/core/option.ts";
import { eventually } from "../support/eventually.ts";
import { groupData, type HbaseWriter, writeHbase } from "../support/hbase.ts";
import { checkHbase, type HbaseChecker } from "../support/hbase-checker.ts";
import type { Server } from "../support/server.ts";
import { startZookeeper } from "../support/zookeeper.ts";

let zookeeper: Server;
let count = 0;

beforeAll(async () => {
  zookeeper = await startZookeeper();
});

/** Below a folder of its own. */
async function cluster(options: OptionValues = {}): Promise<{ hbase: HbaseWriter; checker: HbaseChecker }> {
  count += 1;
  const chroot = `/cluster${count}`;
  const hbase = await writeHbase(zookeeper, chroot);
  return { hbase, checker: await checkHbase(`${zookeeper.server}${chroot}`, options) };
}

/** Does something that the checker is told of by itself; returns the look that the news stands for. */
async function lookAfter(checker: HbaseChecker, change: () => Promise<unknown>) {
  checker.news.length = 0;
  await change();
  await eventually("it is told", () => checker.news.length > 0);
  return checker.look();
}

describe("without a group", () => {
  test("a cluster is up with a live region server, and down without, which is news each time", async () => {
    const { hbase, checker } = await cluster();
    expect(await checker.look()).toEqual({ state: "down", reason: "no region servers are alive" });
    const started = lookAfter(checker, () => hbase.live("rs1.example.org,16020"));
    expect(await started).toEqual({ state: "up", reason: "1 region server is alive" });
    const stopped = lookAfter(checker, () => hbase.remove("rs1.example.org,16020"));
    expect(await stopped).toEqual({ state: "down", reason: "no region servers are alive" });
  });

  test("a region server that is killed counts until ZooKeeper ends its session", async () => {
    const { hbase, checker } = await cluster();
    const one = await hbase.live("a,1");
    expect(await checker.look()).toMatchObject({ state: "up" });
    const killed = lookAfter(checker, () => one.kill());
    expect(await killed).toMatchObject({ state: "down" });
  });

  test("--min-live wants more than one", async () => {
    const { hbase, checker } = await cluster({ "min-live": 2 });
    await hbase.live("a,1");
    expect(await checker.look()).toEqual({ state: "down", reason: "1 region server is alive, less than 2" });
    await hbase.live("b,1");
    expect(await checker.look()).toEqual({ state: "up", reason: "2 region servers are alive" });
  });

  test("a region server that was restarted counts once, though its former life is listed as well", async () => {
    const { hbase, checker } = await cluster({ "min-live": 2 });
    await hbase.live("a,1");
    await hbase.live("a,1");
    expect(await checker.look()).toMatchObject({ state: "down" });
  });

  test("what is no region server among the children does not count", async () => {
    const { hbase, checker } = await cluster();
    await hbase.liveAs("draining", "a,1", ",1,1");
    expect(await checker.look()).toMatchObject({ state: "down" });
  });

  test("a folder that is not HBase's is down, in words, and up when HBase makes it", async () => {
    const checker = await checkHbase(`${zookeeper.server}/late`);
    expect(await checker.look()).toEqual({ state: "down", reason: "ZooKeeper has no /late/rs" });
    const made = lookAfter(checker, () => writeHbase(zookeeper, "/late"));
    expect(await made).toEqual({ state: "down", reason: "no region servers are alive" });
  });
});

describe("a group", () => {
  test("is up while it and default have live servers, whatever the case of their names", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp" });
    await hbase.group("default", ["D1.example.org,16020"]);
    await hbase.group("oltp", ["o1.example.org,16020", "o2.example.org,16020"], { meta: true });
    await hbase.live("d1.example.org,16020");
    expect(await checker.look()).toEqual({ state: "down", reason: "group oltp: 0 of 2 region servers alive" });
    await hbase.live("O1.example.org,16020");
    const both = { state: "up", reason: "region servers alive: oltp 1 of 2, default 1 of 1" };
    expect(await checker.look()).toEqual(both);
    const reason = "group default: 0 of 1 region servers alive";
    const stopped = lookAfter(checker, () => hbase.remove("d1.example.org,16020"));
    expect(await stopped).toEqual({ state: "down", reason });
  });

  test("has to have --min-live servers, and default as well", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp", "min-live": 2 });
    await hbase.group("default", ["d,1", "d,2"]);
    await hbase.group("oltp", ["o,1", "o,2"]);
    await hbase.live("d,1", "d,2", "o,1");
    const reason = "group oltp: 1 of 2 region servers alive, less than 2";
    expect(await checker.look()).toEqual({ state: "down", reason });
    await hbase.live("o,2");
    expect(await checker.look()).toMatchObject({ state: "up" });
    await hbase.group("default", ["d,1"]);
    expect((await checker.look()).reason).toBe("group default: 1 of 1 region servers alive, less than 2");
  });

  test("does not count a server of another port", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "default" });
    await hbase.group("default", ["a,16020"]);
    await hbase.live("a,16030");
    expect(await checker.look()).toMatchObject({ state: "down" });
  });

  test("that is made, changed and emptied while it runs is news each time", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp" });
    await hbase.live("a,1", "b,1");
    await hbase.group("default", ["a,1"]);
    expect(await checker.look()).toEqual({ state: "down", reason: "group oltp: there is no such group" });
    const made = lookAfter(checker, () => hbase.group("oltp", ["b,1"]));
    expect(await made).toMatchObject({ state: "up" });
    const changed = lookAfter(checker, () => hbase.group("oltp", ["c,1"]));
    expect(await changed).toMatchObject({ state: "down", reason: "group oltp: 0 of 1 region servers alive" });
    const emptied = lookAfter(checker, () => hbase.group("oltp", []));
    expect(await emptied).toMatchObject({ state: "down", reason: "group oltp: no region servers" });
  });

  test("that is deleted or empty for a moment is as it was before", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp" });
    await hbase.live("a,1", "b,1");
    await hbase.group("default", ["a,1"]);
    await hbase.group("oltp", ["b,1"]);
    expect(await checker.look()).toMatchObject({ state: "up" });
    const deleted = lookAfter(checker, () => hbase.rawGroup("oltp", undefined));
    expect(await deleted).toEqual({
      state: "up",
      reason: "region servers alive: oltp 1 of 1 (as read before, for now there is no such group), default 1 of 1",
    });
    const empty = lookAfter(checker, () => hbase.rawGroup("oltp", Buffer.alloc(0)));
    expect(await empty).toMatchObject({ state: "up", reason: expect.stringContaining("for now its znode is empty") });
    const full = lookAfter(checker, () => hbase.group("oltp", ["c,1"]));
    expect(await full).toMatchObject({ state: "down" });
  });

  test("that nobody can read is down, in words", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp" });
    await hbase.live("a,1");
    await hbase.group("default", ["a,1"]);
    for (const data of [Buffer.from("nonsense"), groupData("oltp", ["a,1"]).subarray(0, 12), Buffer.from([0xff, 1])]) {
      await hbase.rawGroup("oltp", data);
      expect((await checker.look()).reason).toMatch(/^group oltp: its znode cannot be read: /);
    }
    await hbase.rawGroup("oltp", Buffer.alloc(0));
    expect(await checker.look()).toEqual({ state: "down", reason: "group oltp: its znode is empty" });
  });

  test("that we may not read is down at first, and unknown when it could be read before", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp" });
    await hbase.live("a,1", "b,1");
    await hbase.group("default", ["a,1"]);
    await hbase.group("oltp", ["b,1"]);
    expect(await checker.look()).toMatchObject({ state: "up" });
    await hbase.hideGroup("oltp");
    const reason = expect.stringMatching(/lets not everybody read .*\/rsgroup\/oltp/);
    expect(await checker.look()).toEqual({ state: "unknown", reason });
    const newcomer = await checkHbase(`${zookeeper.server}/cluster${count}`, { "hbase-rs-group": "oltp" });
    expect(await newcomer.look()).toEqual({ state: "down", reason });
  });
});

describe("where HBase writes no znode for default (HBase 3)", () => {
  test("default is who lives and is in no other group, and a new group is news", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "oltp" });
    await hbase.live("a,1", "b,1");
    await hbase.group("oltp", ["b,1"]);
    await hbase.rawGroup("new", Buffer.alloc(0));
    const reason = "region servers alive: oltp 1 of 1, default 1 of 1 (all that are in no group)";
    expect(await checker.look()).toEqual({ state: "up", reason });
    const made = lookAfter(checker, () => hbase.group("olap", ["a,1"]));
    expect(await made).toEqual({
      state: "down",
      reason: "group default: no region servers (all that are in no group)",
    });
    const changed = lookAfter(checker, () => hbase.group("olap", ["c,1"]));
    expect(await changed).toMatchObject({ state: "up" });
  });

  test("of a group that cannot be read it is not known who is in default", async () => {
    const { hbase, checker } = await cluster({ "hbase-rs-group": "default" });
    await hbase.live("a,1");
    await hbase.rawGroup("olap", Buffer.from("nonsense"));
    expect((await checker.look()).reason).toMatch(/^group default: of group olap its znode cannot be read/);
  });
});
