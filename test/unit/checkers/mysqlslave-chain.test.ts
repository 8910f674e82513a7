import { describe, expect, test } from "vitest";
import { createFactsBoard } from "../../../checkers/mysql/facts.ts";
import { type Asked, type FinderContext, findReplicas } from "../../../checkers/mysql/finder.ts";
import { toVerdict } from "../../../checkers/mysql/judge.ts";
import { createKnownReplicas } from "../../../checkers/mysql/known.ts";
import { createLife } from "../../../checkers/mysql/life.ts";
import type { Listing } from "../../../checkers/mysql/listing.ts";
import type { Master } from "../../../checkers/mysql/master.ts";
import { createNames } from "../../../checkers/mysql/names.ts";
import { type StandingContext, standingOf } from "../../../checkers/mysql/standing.ts";
import { parseStatus } from "../../../checkers/mysql/status.ts";
import { type Target, targetName } from "../../../src/core/targets.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const call = { signal: new AbortController().signal, timeoutMs: 5_000 };

/** Server number `id` of a made-up topology. */
function server(id: number): Target {
  return { host: `10.0.0.${id}`, port: 3306 };
}

function identity(id: number) {
  return { serverId: id, uuid: undefined, isReadOnly: true };
}

describe("finding chained replicas", () => {
  /** `sources[id]` are the servers that registered with server `id`. */
  function find(replicasOf: Readonly<Record<number, readonly number[]>>, more: Partial<FinderContext> = {}) {
    const asked: number[] = [];
    const describeServer = (id: number): Asked & { readonly listing: Listing } => {
      asked.push(id);
      const registered = (replicasOf[id] ?? []).map((serverId) => ({ serverId, ...server(serverId) }));
      return { target: server(id), identity: identity(id), listing: { registered, readers: [], missingGrants: [] } };
    };
    const context: FinderContext = {
      candidates: { examine: async () => undefined },
      replicaPort: 3306,
      recurse: true,
      askReplica: async ({ host }) => describeServer(Number(host.split(".")[3])),
      failed: () => {},
      ...more,
    };
    return findReplicas(describeServer(1), context, call).then((found) => ({
      found: found.map(({ serverId }) => serverId),
      asked,
    }));
  }

  test("goes four levels deep and no deeper", async () => {
    const { found, asked } = await find({ 1: [2], 2: [3], 3: [4], 4: [5], 5: [6] });
    expect(found).toEqual([2, 3, 4, 5]);
    expect(asked).toEqual([1, 2, 3, 4]);
  });

  test("asks only the master without recurse", async () => {
    expect(await find({ 1: [2], 2: [3] }, { recurse: false })).toEqual({ found: [2], asked: [1] });
  });

  test("asks nobody twice in a ring, and lists nobody twice", async () => {
    const { found, asked } = await find({ 1: [2, 3], 2: [3, 1], 3: [2, 1] });
    expect(found).toEqual([2, 3]);
    expect(asked.toSorted()).toEqual([1, 2, 3]);
  });

  test("goes on with the others when one cannot be asked, and tells of it", async () => {
    const failed: string[] = [];
    const { found } = await find(
      { 1: [2, 3] },
      {
        askReplica: () => Promise.reject(new Error("refused")),
        failed: (target) => void failed.push(targetName(target)),
      },
    );
    expect(found).toEqual([2, 3]);
    expect(failed).toEqual(["10.0.0.2:3306", "10.0.0.3:3306"]);
  });
});

describe("judging chained replicas", () => {
  /** Each replica and the server it replicates from, all running, with a lag of its number of seconds. */
  async function judge(name: number, sourceOf: Readonly<Record<number, number>>, recurse = true) {
    const clock = createFakeClock();
    const board = createFactsBoard(clock);
    const master: Master = {
      target: server(1),
      identity: identity(1),
      life: createLife(clock),
      introduce: async () => identity(1),
      list: async () => ({ registered: [], readers: [], missingGrants: [] }),
      look: async () => {},
      close: () => {},
    };
    const known = createKnownReplicas(clock);
    const context: StandingContext = {
      ...{ master, board, known, clock, recurse },
      names: createNames(clock),
      maxLagMs: 30_000,
    };
    const facts = (id: number, source: number) => ({
      identity: identity(id),
      replications: parseStatus([
        {
          Master_Host: server(source).host,
          Master_Port: "3306",
          Master_Server_Id: String(source),
          Slave_IO_Running: "Yes",
          Slave_SQL_Running: "Yes",
          Seconds_Behind_Master: String(id),
        },
      ]),
    });
    for (const [id, source] of Object.entries(sourceOf)) {
      await board.expect(server(Number(id)), Promise.resolve(facts(Number(id), source)));
    }
    const own = facts(name, sourceOf[name] ?? 0);
    return toVerdict(await standingOf(targetName(server(name)), own, context, call));
  }

  test("adds up the lag of the chain", async () => {
    expect(await judge(4, { 2: 1, 3: 2, 4: 3 })).toEqual({ state: "up", reason: "replicates, lag 9 s", rank: [9] });
  });

  test("finds a chain that lags too much in all down", async () => {
    expect(await judge(20, { 15: 1, 20: 15 })).toMatchObject({ state: "down", reason: "lag 35 s is more than 30 s" });
  });

  test("finds a ring without the master down", async () => {
    expect(await judge(2, { 2: 3, 3: 2 })).toMatchObject({
      state: "down",
      reason: expect.stringContaining("form a ring without the master"),
    });
  });

  test("finds a chain that ends elsewhere down, at each level", async () => {
    expect(await judge(3, { 2: 9, 3: 2 })).toEqual({
      state: "down",
      reason:
        "its source 10.0.0.2:3306: replicates from 10.0.0.9:3306 (server id 9), not from the master 10.0.0.1:3306",
    });
  });

  test("finds a chained replica down without recurse", async () => {
    expect(await judge(3, { 2: 1, 3: 2 }, false)).toMatchObject({
      state: "down",
      reason: expect.stringContaining("not from the master"),
    });
  });
});
