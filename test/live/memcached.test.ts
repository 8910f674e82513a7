import { afterEach, describe, expect, test } from "vitest";
import { memcached } from "../../checkers/memcached.ts";
import { runGroup } from "../../src/check/group.ts";
import { checkOnce } from "../../src/check/once.ts";
import type { GroupOptions } from "../../src/check/options.ts";
import type { Store } from "../../src/core/store.ts";
import type { StoreOptions } from "../../src/core/store-options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { groupOptions } from "../support/group-options.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { ask, startMemcached } from "../support/memcached.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";
import { tempDir } from "../support/temp-dir.ts";

const KEY = "haproxy/memcached/mem11211";

/** A checker of `servers` over a store, until the test ends. */
interface Running {
  readonly store: Store;
  readonly messages: () => string[];
  /** The server that is published, or undefined. */
  published(): Promise<string | undefined>;
  stop(): Promise<void>;
}

function optionsFor(servers: readonly Server[], more: Partial<GroupOptions> = {}): GroupOptions {
  return groupOptions({
    tag: "mem11211",
    values: { server: servers.map(({ address, port }) => ({ host: address, port })) },
    ...more,
  });
}

async function open(options: StoreOptions): Promise<Store> {
  const store = await openStore(options, { clock: systemClock, logger: createCaptureLogger() });
  releaseLater("store", () => store.close());
  return store;
}

async function startChecker(
  servers: readonly Server[],
  storeOptions: StoreOptions,
  more?: Partial<GroupOptions>,
): Promise<Running> {
  const store = await open(storeOptions);
  const logger = createCaptureLogger();
  const controller = new AbortController();
  const running = runGroup(optionsFor(servers, more), {
    checker: memcached,
    store,
    clock: systemClock,
    logger,
    signal: controller.signal,
  });
  running.catch(() => {});
  const stop = async () => {
    controller.abort(new Error("the test is over"));
    await running;
  };
  releaseLater("checker", stop);
  return { store, messages: () => logger.messages(), published: () => publishedIn(store), stop };
}

async function publishedIn(store: Store): Promise<string | undefined> {
  const pair = await store.get(KEY, { signal: AbortSignal.timeout(5_000), timeoutMs: 5_000 });
  if (pair === undefined) return undefined;
  const { host, port } = JSON.parse(pair.value) as { host: string; port: number };
  return `${host}:${port}`;
}

async function untilPublished(checker: Running, server: Server): Promise<void> {
  await eventually(`${server.server} is published`, async () => (await checker.published()) === server.server);
}

/** Two or three memcached on addresses of their own, all on port 21211. */
async function startServers(count: number): Promise<Server[]> {
  const prefix = await loopbackPrefix();
  return Promise.all(
    Array.from({ length: count }, (_, index) => startMemcached({ address: `${prefix}.${index + 2}` })),
  );
}

const kinds: readonly (readonly [string, () => Promise<StoreOptions>])[] = [
  ["Consul", async () => consulOptions(await startConsul())],
  ["a folder", async () => ({ type: "file", path: tempDir("store") })],
];

function consulOptions({ address, port }: Consul): StoreOptions {
  return { type: "consul", addresses: [{ host: address, port }], consistency: "default" };
}

const timings: string[] = [];
afterEach(() => {
  for (const line of timings.splice(0)) process.stdout.write(`${line}\n`);
});

describe.each(kinds)("checkers memcached over %s", (name, start) => {
  test("a killed server is replaced by the next one, and does not get its place back", async () => {
    const [one, two] = await startServers(2);
    if (one === undefined || two === undefined) throw new Error("two were asked for");
    const checker = await startChecker([one, two], await start());
    await untilPublished(checker, one);
    const beganMs = performance.now();
    await one.kill();
    await untilPublished(checker, two);
    timings.push(`kill -9 to the new entry in ${name}: ${(performance.now() - beganMs).toFixed(1)} ms`);
    // The entry may be seen before the store has told the checker that it is in.
    await eventually("the checker says so", () =>
      checker.messages().some((line) => line.startsWith(`memcached mem11211: ${two.server} is published, `)),
    );
    expect(checker.messages()).toContainEqual(
      expect.stringMatching(new RegExp(`${one.server} is down \\(connection (refused|reset), 2 of 2\\)`)),
    );
    await one.restart();
    await eventually("the first one is seen again", () =>
      checker.messages().includes(`memcached mem11211: ${one.server} is up again`),
    );
    expect(await checker.published()).toBe(two.server);
  });

  test("a server that hangs is replaced", async () => {
    const [one, two] = await startServers(2);
    if (one === undefined || two === undefined) throw new Error("two were asked for");
    const checker = await startChecker([one, two], await start());
    await untilPublished(checker, one);
    const beganMs = performance.now();
    one.pause();
    await untilPublished(checker, two);
    timings.push(`SIGSTOP to the new entry in ${name}: ${(performance.now() - beganMs).toFixed(0)} ms`);
    // What follows from it may stand in a line of its own: the other one is asked once more when its answer is old.
    expect(checker.messages()).toContainEqual(
      expect.stringContaining(`memcached mem11211: ${one.server} is down (no answer within 500 ms, 2 of 2)`),
    );
  });

  test("nobody alive: the entry is left alone and it is said once, until one is back", async () => {
    const servers = await startServers(2);
    const [one, two] = servers;
    if (one === undefined || two === undefined) throw new Error("two were asked for");
    const checker = await startChecker(servers, await start(), { intervalMs: 50 });
    await untilPublished(checker, one);
    await Promise.all(servers.map((server) => server.kill()));
    const none = () => checker.messages().filter((line) => line.includes("none of the 2 servers is up"));
    await eventually("it is said", () => none().length > 0);
    const pair = await checker.store.get(KEY, { signal: AbortSignal.timeout(5_000) });
    expect(pair).toBeDefined();
    const before = await checker.published();
    await two.restart();
    await untilPublished(checker, two);
    expect(none()).toHaveLength(1);
    expect([one.server, two.server]).toContain(before);
  });

  test("an entry that somebody deleted is published anew", async () => {
    const servers = await startServers(1);
    const [one] = servers;
    if (one === undefined) throw new Error("one was asked for");
    const checker = await startChecker(servers, await start());
    await untilPublished(checker, one);
    await checker.store.delete(KEY, { signal: AbortSignal.timeout(5_000) });
    await untilPublished(checker, one);
  });

  test("one round for cron publishes, and says whether the published server is good", async () => {
    const servers = await startServers(2);
    const [one, two] = servers;
    if (one === undefined || two === undefined) throw new Error("two were asked for");
    const store = await open(await start());
    const once = (more: Partial<GroupOptions> = {}) =>
      checkOnce(optionsFor(servers, more), {
        checker: memcached,
        store,
        clock: systemClock,
        logger: createCaptureLogger(),
        signal: AbortSignal.timeout(20_000),
      });
    expect(await once()).toMatchObject({ good: true, written: true, published: one.server });
    expect(await once()).toMatchObject({ good: true, written: false });
    await one.kill();
    expect(await once({ dryRun: true })).toMatchObject({ good: false, written: false, published: one.server });
    expect(await once()).toMatchObject({ good: true, written: true, published: two.server });
    await two.kill();
    expect(await once()).toMatchObject({ good: false, written: false, published: two.server });
  });
});

test("a connection that the server closes for being idle moves nothing", async () => {
  const prefix = await loopbackPrefix();
  const one = await startMemcached({ address: `${prefix}.2`, args: ["-o", "idle_timeout=1"] });
  const two = await startMemcached({ address: `${prefix}.3` });
  const checker = await startChecker(
    [one, two],
    { type: "file", path: tempDir("store") },
    {
      intervalMs: 5_000,
      // A server that is pinged is never idle.
      pulseMs: 0,
    },
  );
  await untilPublished(checker, one);
  const before = await connectionsSoFar(one);
  await eventually(
    "it has closed and the checker has come back",
    async () => (await connectionsSoFar(one)) > before + 1,
  );
  expect(await checker.published()).toBe(one.server);
  expect(checker.messages().filter((line) => line.includes("down"))).toEqual([]);
});

/** The checker's connections to this server, without those of the questions themselves. */
let questions = 0;
async function connectionsSoFar(server: Server): Promise<number> {
  questions += 1;
  const stats = await ask(server.address, server.port, "stats\r\n");
  return Number(/STAT total_connections (\d+)/.exec(stats)?.[1]) - questions;
}
