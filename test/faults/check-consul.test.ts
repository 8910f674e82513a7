import { expect, test } from "vitest";
import { memcached } from "../../checkers/memcached.ts";
import { runGroup } from "../../src/check/group.ts";
import type { GroupOptions } from "../../src/check/options.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { type CaptureLogger, createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, type ConsulOptions, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { groupOptions } from "../support/group-options.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startMemcached } from "../support/memcached.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";

const KEY = "haproxy/memcached/mem11211";
const INTERVAL_MS = 200;

interface Scene {
  readonly consul: Consul;
  readonly one: Server;
  readonly two: Server;
}

/** A Consul and two memcached. */
async function setScene(options: ConsulOptions = {}): Promise<Scene> {
  const prefix = await loopbackPrefix();
  const [consul, one, two] = await Promise.all([
    startConsul({ ...options, address: `${prefix}.1` }),
    startMemcached({ address: `${prefix}.2` }),
    startMemcached({ address: `${prefix}.3` }),
  ]);
  return { consul, one, two };
}

/** Runs a checker in this process until the test ends. */
async function startChecker(
  scene: Scene,
  more: { servers?: readonly Server[]; token?: string } = {},
): Promise<CaptureLogger> {
  const { servers = [scene.one, scene.two], token = scene.consul.token } = more;
  const { address, port } = scene.consul;
  const logger = createCaptureLogger();
  const store = await openStore(
    {
      type: "consul",
      addresses: [{ host: address, port }],
      consistency: "default",
      ...(token === "" ? {} : { token }),
    },
    { clock: systemClock, logger },
  );
  releaseLater("store", () => store.close());
  const controller = new AbortController();
  const deps = { checker: memcached, store, clock: systemClock, logger, signal: controller.signal };
  const running = runGroup(optionsFor(servers), deps);
  running.catch(() => {});
  releaseLater("checker", async () => {
    controller.abort(new Error("the test is over"));
    await running;
  });
  return logger;
}

function optionsFor(servers: readonly Server[]): GroupOptions {
  return groupOptions({
    tag: "mem11211",
    values: { server: servers.map(({ address, port }) => ({ host: address, port })) },
    intervalMs: INTERVAL_MS,
    pulseMs: 0,
  });
}

async function published({ consul }: Scene): Promise<string | undefined> {
  const value = await consul.kv.get(KEY);
  if (value === undefined) return undefined;
  const { host, port } = JSON.parse(value) as { host: string; port: number };
  return `${host}:${port}`;
}

async function untilPublished(scene: Scene, server: Server): Promise<void> {
  await eventually(`${server.server} is published`, async () => (await published(scene)) === server.server);
}

async function untilSaid(logger: CaptureLogger, words: string): Promise<void> {
  await eventually(`it says: ${words}`, () => logger.messages().some((line) => line.includes(words)));
}

/** Long enough for any decision that is still on its way to show: several rounds of every checker. */
async function someRounds(): Promise<void> {
  const end = performance.now() + 5 * INTERVAL_MS;
  await eventually("some rounds have passed", () => performance.now() > end);
}

function writesOf(loggers: readonly CaptureLogger[]): string[] {
  return loggers.flatMap((logger) => logger.messages()).filter((line) => / is published(,|$)/.test(line));
}

test("Consul is down during the failover: the entry is written when it returns, and each is said once", async () => {
  const scene = await setScene({ persistent: true });
  const logger = await startChecker(scene);
  await untilPublished(scene, scene.one);
  await scene.consul.stop();
  await untilSaid(logger, `cannot read ${KEY}`);
  await scene.one.kill();
  await untilSaid(logger, `${scene.two.server} will be published when the store answers`);
  await scene.consul.restart();
  await untilPublished(scene, scene.two);
  expect(logger.messages().filter((line) => line.includes("will be published"))).toHaveLength(1);
  await untilSaid(logger, "answers again");
});

test("Consul is down and the server comes back before it does: nothing is written", async () => {
  const scene = await setScene({ persistent: true });
  const logger = await startChecker(scene);
  await untilPublished(scene, scene.one);
  const index = await scene.consul.kv.index(KEY);
  await scene.consul.stop();
  await untilSaid(logger, `cannot read ${KEY}`);
  await scene.one.kill();
  await untilSaid(logger, `${scene.one.server} is down`);
  await scene.one.restart();
  await untilSaid(logger, `${scene.one.server} is up again`);
  await scene.consul.restart();
  await untilSaid(logger, "answers again");
  await someRounds();
  expect(await scene.consul.kv.index(KEY)).toBe(index);
});

test("Consul is down when the checker starts: the entry is written when it comes", async () => {
  const scene = await setScene();
  await scene.consul.stop();
  const logger = await startChecker(scene);
  await untilSaid(logger, `cannot read ${KEY}`);
  await scene.consul.restart();
  await untilPublished(scene, scene.one);
});

test("Consul comes back empty: the entry is published anew", async () => {
  const scene = await setScene();
  await startChecker(scene);
  await untilPublished(scene, scene.one);
  await scene.consul.restartEmpty();
  await untilPublished(scene, scene.one);
});

test("Consul hangs during the failover: the entry is written when it goes on", async () => {
  const scene = await setScene();
  const logger = await startChecker(scene);
  await untilPublished(scene, scene.one);
  scene.consul.pause();
  await scene.one.kill();
  await untilSaid(logger, `${scene.one.server} is down`);
  scene.consul.resume();
  await untilPublished(scene, scene.two);
});

test("a token that may not write: it says so once in its own words, and shows the token to nobody", async () => {
  const scene = await setScene({ acl: true });
  const token = await scene.consul.createToken("reader", 'key_prefix "haproxy/" { policy = "read" }');
  const logger = await startChecker(scene, { token });
  await untilSaid(logger, `cannot write ${KEY}`);
  await someRounds();
  const warnings = logger.lines.filter(({ level }) => level === "warn");
  expect(warnings.map(({ fields }) => fields["err"])).toEqual(["E_STORE_DENIED"]);
  expect(JSON.stringify(logger.lines)).not.toContain(token);
  expect(await published(scene)).toBeUndefined();
});

test("a token for this one key is enough", async () => {
  const scene = await setScene({ acl: true });
  const token = await scene.consul.createToken("one-key", `key "${KEY}" { policy = "write" }`);
  await startChecker(scene, { token });
  await untilPublished(scene, scene.one);
  await scene.one.kill();
  await untilPublished(scene, scene.two);
});

test("two checkers on one tag: one write for the start and one for the failover, by either", async () => {
  const scene = await setScene();
  const loggers = await Promise.all([startChecker(scene), startChecker(scene)]);
  await untilPublished(scene, scene.one);
  await someRounds();
  expect(writesOf(loggers)).toHaveLength(1);
  await scene.one.kill();
  await untilPublished(scene, scene.two);
  for (const logger of loggers) await untilSaid(logger, `${scene.one.server} is down`);
  await someRounds();
  expect(await published(scene)).toBe(scene.two.server);
  expect(writesOf(loggers)).toHaveLength(2);
});

test("two checkers that prefer different servers do not fight", async () => {
  const scene = await setScene();
  const { one, two } = scene;
  const loggers = await Promise.all([
    startChecker(scene, { servers: [one, two] }),
    startChecker(scene, { servers: [two, one] }),
  ]);
  await eventually("something is published", () => published(scene));
  await someRounds();
  expect(writesOf(loggers)).toHaveLength(1);
});

test("two checkers with different servers do not fight either: each has its word once", async () => {
  const scene = await setScene();
  const { one, two } = scene;
  const loggers = await Promise.all([startChecker(scene, { servers: [one] }), startChecker(scene, { servers: [two] })]);
  await eventually("one of them gives up", () =>
    loggers.some((logger) => logger.messages("warn").some((line) => line.includes("it is left alone"))),
  );
  const index = await scene.consul.kv.index(KEY);
  await someRounds();
  expect(await scene.consul.kv.index(KEY)).toBe(index);
  expect(writesOf(loggers).length).toBeLessThanOrEqual(3);
});
