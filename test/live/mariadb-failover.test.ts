import { describe, expect, test } from "vitest";
import { mysqlslave } from "../../checkers/mysqlslave.ts";
import { runGroup } from "../../src/check/group.ts";
import { checkOnce } from "../../src/check/once.ts";
import type { GroupOptions } from "../../src/check/options.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Store } from "../../src/core/store.ts";
import type { StoreOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { groupOptions } from "../support/group-options.ts";
import { type Mariadb, MONITOR, replicationSet } from "../support/mariadb.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

const TAG = "slave3301";
const KEY = `haproxy/mysqlslave/${TAG}`;

/** A group over a store, and every state of its entry. */
interface Running {
  /** The servers that were published, one after the other, since the beginning or the last {@link forget}. */
  readonly moves: string[];
  forget(): void;
  untilPublished(server: Mariadb): Promise<void>;
  messages(level?: "warn" | "debug"): string[];
  readonly store: Store;
}

function optionsFor(master: Mariadb, values: OptionValues = {}): GroupOptions {
  return groupOptions({
    tag: TAG,
    values: { host: master.address, port: master.port, ...MONITOR, ...values },
    intervalMs: 200,
    timeoutMs: 1_000,
    fallback: values["fallback"] === "remove" ? "remove" : "keep",
    // A line per probe: that is how a test knows that rounds have passed.
    verbose: true,
  });
}

async function open(options: StoreOptions): Promise<Store> {
  const store = await openStore(options, { clock: systemClock, logger: createCaptureLogger() });
  releaseLater("store", () => store.close());
  return store;
}

async function start(options: GroupOptions, storeOptions?: StoreOptions): Promise<Running> {
  const store = await open(storeOptions ?? { type: "file", path: tempDir("store") });
  const logger = createCaptureLogger();
  const controller = new AbortController();
  const { signal } = controller;
  const moves: string[] = [];
  const watching = record(store, moves, signal);
  const running = runGroup(options, { checker: mysqlslave, store, clock: systemClock, logger, signal });
  running.catch(() => {});
  releaseLater("checker", async () => {
    controller.abort(new Error("the test is over"));
    await Promise.all([running, watching]);
  });
  return {
    store,
    moves,
    forget: () => void moves.splice(0),
    messages: (level) => logger.messages(level),
    async untilPublished(server) {
      try {
        await eventually(`${server.server} is published`, () => moves.at(-1) === server.server);
      } catch (error) {
        throw new Error(logger.messages().join("\n"), { cause: error });
      }
    },
  };
}

/** Remembers each server that the entry names, in order. */
async function record(store: Store, moves: string[], signal: AbortSignal): Promise<void> {
  let last: string | undefined;
  try {
    for await (const { pairs } of store.watch(KEY, { signal })) {
      const name = nameOf(pairs[0]?.value);
      if (name !== last) moves.push(name ?? "nothing");
      last = name;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function published(store: Store): Promise<string | undefined> {
  return nameOf((await store.get(KEY, { signal: new AbortController().signal }))?.value);
}

function nameOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const { host, port } = JSON.parse(value) as { host: string; port: number };
  return `${host}:${port}`;
}

/** A master with two replicas, the first of which is published. */
async function stage(values: OptionValues = {}, storeOptions?: StoreOptions) {
  const { master, replicas } = await replicationSet(2);
  const [one, two] = replicas as [Mariadb, Mariadb];
  const checker = await start(optionsFor(master, values), storeOptions);
  await checker.untilPublished(one);
  checker.forget();
  return { master, one, two, checker };
}

describe("one fault moves the entry once, to a healthy server", () => {
  test.each<readonly [string, (servers: { one: Mariadb; master: Mariadb }) => unknown, RegExp]>([
    ["kill -9", ({ one }) => one.kill(), /is down \(connection refused/],
    ["SIGTERM", ({ one }) => one.stop(), /is down \(connection refused/],
    ["SIGSTOP", ({ one }) => one.pause(), /is down \(no answer within/],
    ["STOP SLAVE", ({ one }) => one.sql("STOP SLAVE"), /is down \(replication is stopped/],
    ["STOP SLAVE SQL_THREAD", ({ one }) => one.sql("STOP SLAVE SQL_THREAD"), /the SQL thread does not run/],
    ["STOP SLAVE IO_THREAD", ({ one }) => one.sql("STOP SLAVE IO_THREAD"), /the IO thread does not run/],
    ["a broken SQL thread", breakSql, /is down \(the SQL thread does not run: error 1062/],
    ["RESET SLAVE ALL", ({ one }) => one.sql("STOP SLAVE", "RESET SLAVE ALL"), /is down \((is not a replica|repl)/],
  ])("%s", async (_, fault, words) => {
    const { master, one, two, checker } = await stage();
    await fault({ one, master });
    await checker.untilPublished(two);
    await settle(checker);
    expect(checker.moves).toEqual([two.server]);
    expect(checker.messages().join("\n")).toMatch(words);
  });

  test("a delay beyond --max-lag", async () => {
    const { master, one, two, checker } = await stage({ "max-lag": 1_000 });
    await one.sql("STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY=3600", "START SLAVE");
    // Stopped for a moment it may have been replaced for that.
    await master.sql("INSERT INTO t.a VALUES(1)");
    await checker.untilPublished(two);
    await settle(checker);
    expect(checker.moves).toEqual([two.server]);
  });

  test("what heals again gets nothing back", async () => {
    const { one, two, checker } = await stage();
    await one.kill();
    await checker.untilPublished(two);
    await one.restart();
    await eventually("it is up again", () =>
      checker.messages().some((line) => line.includes(`${one.server} is up again`)),
    );
    await settle(checker);
    expect(checker.moves).toEqual([two.server]);
  });
});

describe("a dead master", () => {
  test("moves nothing, and the choice among the known replicas goes on", async () => {
    const { master, one, two, checker } = await stage();
    await master.kill();
    await eventually("it is told", () => checker.messages().some((line) => line.includes("cannot list the servers")));
    await settle(checker);
    expect(checker.moves).toEqual([]);
    await one.kill();
    await checker.untilPublished(two);
    expect(checker.moves).toEqual([two.server]);
  });

  test("that comes back moves nothing", async () => {
    const { master, one, checker } = await stage();
    await master.kill();
    await eventually("it is told", () => checker.messages().some((line) => line.includes("cannot list the servers")));
    await master.restart();
    await eventually("it is told", () => checker.messages().some((line) => line.includes("can be listed again")));
    await eventually(
      "it replicates",
      async () => (await one.sql("SHOW ALL SLAVES STATUS"))[0]?.["Slave_IO_Running"] === "Yes",
    );
    await settle(checker);
    expect(checker.moves).toEqual([]);
  });

  test("that hangs moves nothing", async () => {
    const { master, checker } = await stage();
    master.pause();
    await eventually("it is told", () => checker.messages().some((line) => line.includes("cannot list the servers")));
    await settle(checker);
    expect(checker.moves).toEqual([]);
    master.resume();
  });

  test("is no obstacle to a checker that starts now", async () => {
    const { master, one, two, checker } = await stage();
    await master.kill();
    const group = optionsFor(master);
    const second = await start(group, { type: "file", path: checker.store.name.replace(/^file:/, "") });
    await eventually("it says so", () =>
      second.messages().some((line) => line.includes(`${one.server} stays published`) || line.includes("is up")),
    );
    await settle(second);
    expect(second.moves).toEqual([one.server]);
    expect(two.running).toBe(true);
  });
});

describe("no healthy replica", () => {
  test("gives the master the entry, and a replica gets it back", async () => {
    const { master, one, two, checker } = await stage();
    await Promise.all([one.kill(), two.kill()]);
    await checker.untilPublished(master);
    checker.forget();
    await two.restart();
    await checker.untilPublished(two);
    await settle(checker);
    expect(checker.moves).toEqual([two.server]);
  });

  test("leaves the entry alone with --fallback keep, and removes it with --fallback remove", async () => {
    for (const fallback of ["keep", "remove"]) {
      const { one, two, checker } = await stage({ fallback });
      await Promise.all([one.sql("STOP SLAVE"), two.sql("STOP SLAVE")]);
      if (fallback === "remove") {
        await eventually("it is removed", async () => (await published(checker.store)) === undefined);
      } else {
        await eventually("it is told", () => checker.messages().some((line) => line.includes("servers is up")));
        expect([one.server, two.server]).toContain(await published(checker.store));
      }
    }
  });
});

test("a grant that is revoked on all servers changes nothing, and says what is missing", async () => {
  const { one, two, master, checker } = await stage();
  for (const server of [master, one, two]) {
    await server.sql("REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'monitor'@'127.%'");
  }
  // What an open connection may do was settled when it logged in.
  for (const server of [one, two]) {
    const threads = await server.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER='monitor'");
    for (const { ID } of threads) await server.sql(`KILL ${String(ID)}`);
  }
  await eventually("it is told", () => checker.messages("warn").some((line) => line.includes("SLAVE MONITOR")));
  await settle(checker);
  expect(checker.moves).toEqual([]);
});

test("a checker that starts without the grants leaves a published replica alone", async () => {
  const { master, one, checker } = await stage();
  await master.sql("REVOKE PROCESS, REPLICATION MASTER ADMIN ON *.* FROM 'monitor'@'127.%'");
  const second = await start(optionsFor(master), { type: "file", path: checker.store.name.replace(/^file:/, "") });
  await eventually("it is told", () => second.messages("warn").some((line) => line.includes("GRANT PROCESS")));
  await eventually("it is watched all the same", () =>
    second.messages().some((line) => line.includes(`${one.server} stays published`)),
  );
  await settle(second);
  expect([second.moves, checker.moves]).toEqual([[one.server], []]);
});

test("over Consul it is the same, with the ancestor's entry", async () => {
  const { address, port } = await startConsul();
  const consul: StoreOptions = { type: "consul", addresses: [{ host: address, port }], consistency: "default" };
  const { one, two, checker } = await stage({}, consul);
  await one.kill();
  await checker.untilPublished(two);
  expect(checker.moves).toEqual([two.server]);
  const pair = await checker.store.get(KEY, { signal: new AbortController().signal });
  expect(pair?.value).toBe(`{"name":"${TAG}","host":"${two.address}","port":3301,"proxyport":13351}`);
});

test("one round from cron finds a replica, and the master when there is none", async () => {
  const { master, replicas } = await replicationSet(1);
  const [replica] = replicas as [Mariadb];
  const store = await open({ type: "file", path: tempDir("store") });
  const deps = { checker: mysqlslave, store, clock: systemClock, logger: createCaptureLogger() };
  const once = () => checkOnce(optionsFor(master), { ...deps, signal: new AbortController().signal });
  expect(await once()).toMatchObject({ good: true, published: replica.server, written: true });
  await replica.kill();
  expect(await once()).toMatchObject({ good: true, published: master.server, written: true });
});

/** Breaks the SQL thread of one replica: a row that it has already. */
async function breakSql({ one, master }: { one: Mariadb; master: Mariadb }): Promise<void> {
  await one.sql("SET sql_log_bin=0", "INSERT INTO t.a VALUES(5)");
  await master.sql("INSERT INTO t.a VALUES(5)");
}

/** Some rounds more: what would move once too often does so in them. */
async function settle(checker: Running): Promise<void> {
  const probes = () => checker.messages("debug").length;
  const before = probes();
  await eventually("some rounds have passed", () => probes() >= before + 12);
}
