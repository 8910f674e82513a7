import { beforeAll, describe, expect, test } from "vitest";
import { runGroup } from "../../src/check/group.ts";
import type { Store } from "../../src/core/store.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { type CaptureLogger, createCaptureLogger } from "../support/capture-logger.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { followHistory, type KvHistory } from "../support/kv-history.ts";
import { createMoodyStore, type MoodyStore } from "../support/moody-store.ts";
import { type Random, someSeed, withSeed } from "../support/random.ts";
import { startRelay } from "../support/relay.ts";
import { releaseLater } from "../support/releases.ts";
import { OPTIONS } from "../unit/check/group-run.ts";
import { createScriptedChecker, type ScriptedChecker } from "../unit/check/scripted.ts";

/** Whole checkers on one tag over a real Consul; only their servers are scripted, and their lines are moody. */

const PORTS = [1, 2, 3, 4];
const FAULTS = 5;

let consul: Consul;
beforeAll(async () => {
  consul = await startConsul();
});

async function put(path: string, body: unknown): Promise<void> {
  const reply = await consul.request(path, { method: "PUT", body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`consul answered ${reply.status}: ${await reply.text()}`);
}

interface SessionInfo {
  readonly ID: string;
  readonly NodeChecks: string[];
}
const sessions = async () => (await (await consul.request("/v1/session/list")).json()) as SessionInfo[];

/** One checker; its proxyport and the health check of its session tell whose a write and a session are. */
interface Runner {
  readonly at: number;
  readonly scripted: ScriptedChecker;
  readonly store: MoodyStore;
  /** What each server answered last. */
  readonly answers: Map<number, string>;
  readonly logger: CaptureLogger;
  stop(): Promise<void>;
}

interface Write {
  readonly by: number;
  readonly port: number;
}

interface Stage {
  readonly tag: string;
  readonly key: string;
  readonly ha: boolean;
  readonly random: Random;
  readonly runners: Runner[];
  readonly history: KvHistory;
  /** Each write that went through, in order. */
  readonly writes: Write[];
  /** What went against the rules. */
  readonly wrong: string[];
  /** Session IDs, and who made them. */
  readonly owners: Map<string, number>;
  readonly dead: Set<number>;
}

let stages = 0;

function createStage(random: Random, ha: boolean): Stage {
  const tag = `t${stages++}`;
  const key = `haproxy/scripted/${tag}`;
  const history = followHistory(consul, key);
  const parts = { runners: [], writes: [], wrong: [], owners: new Map<string, number>(), dead: new Set<number>() };
  return { tag, key, ha, random, history, ...parts };
}

/** The check that is part of the session of a checker, and of no other. */
const checkName = (stage: Stage, at: number) => `${stage.tag}-${at}`;

async function startRunner(stage: Stage, at: number): Promise<void> {
  const { ha, tag, random } = stage;
  if (ha) {
    const id = checkName(stage, at);
    await put("/v1/agent/check/register", { ID: id, Name: id, TTL: "10m", Status: "passing" });
    await eventually("the check", async () =>
      (await consul.request("/v1/health/node/n1")).text().then((text) => text.includes(`"${id}"`)),
    );
  }
  const controller = new AbortController();
  const inner = await openConsul(consul, ha ? [checkName(stage, at)] : []);
  const store = createMoodyStore(inner, random, {
    written(value) {
      const { port } = JSON.parse(value) as { port: number };
      stage.writes.push({ by: at, port });
      if (stage.dead.has(port)) stage.wrong.push(`checker ${at} published ${port}, which is dead`);
    },
    async locked() {
      for (const { ID, NodeChecks } of await sessions()) {
        const owner = NodeChecks.find((name) => name.startsWith(`${tag}-`));
        if (owner !== undefined) stage.owners.set(ID, Number(owner.slice(tag.length + 1)));
      }
    },
  });
  const scripted = createScriptedChecker(PORTS);
  for (const port of stage.dead) scripted.behaviour.set(port, "down");
  const options = { ...OPTIONS, tag, ha, intervalMs: 150, timeoutMs: 100, proxyport: { port: 20_000 + at } };
  const logger = createCaptureLogger();
  const deps = {
    checker: scripted,
    store,
    clock: systemClock,
    logger,
    signal: controller.signal,
  };
  const running = runGroup(options, deps);
  const stop = async () => {
    controller.abort(new Error("stopped by the test"));
    await running;
    await inner.close();
  };
  releaseLater("checker", stop);
  const answers = new Map<number, string>();
  scripted.onAnswer = ({ port, state }) => void answers.set(port, state);
  stage.runners.push({ at, scripted, store, answers, logger, stop });
}

async function openConsul(
  place: { readonly address: string; readonly port: number },
  checks: string[],
): Promise<Store> {
  const addresses = [{ host: place.address, port: place.port }];
  const options = { type: "consul", addresses, consistency: "default", sessionChecks: checks } as const;
  const consulTiming = { sessionTtlMs: 1_000 };
  return openStore(options, { clock: systemClock, logger: createCaptureLogger(), consulTiming });
}

const publishedPort = ({ history }: Stage): number | undefined => {
  const value = history.latest?.value;
  return value === undefined ? undefined : (JSON.parse(value) as { port: number }).port;
};

/** Nothing is on its way, and all know what happened: what is done now is not mixed up with what was decided before. */
async function quiet(stage: Stage): Promise<void> {
  const knows = ({ answers }: Runner) =>
    PORTS.every((port) => answers.get(port) === (stage.dead.has(port) ? "down" : "up"));
  const isQuiet = () => stage.runners.every((runner) => runner.store.writing === 0 && knows(runner));
  for (;;) {
    await eventually("no write under way and no news untold", isQuiet);
    await stage.history.caughtUp();
    if (isQuiet()) return;
  }
}

function kill(stage: Stage, port: number): void {
  stage.dead.add(port);
  for (const { scripted } of stage.runners) scripted.behaviour.set(port, "down");
  // Some hear of it by the connection, the others when they ask next.
  for (const { scripted } of stage.runners) if (stage.random.chance(0.6)) scripted.lose(port);
}

function revive(stage: Stage, port: number): void {
  stage.dead.delete(port);
  for (const { scripted } of stage.runners) scripted.behaviour.set(port, "up");
}

/** A fault that is none of the servers': nothing may move because of it. */
async function disturb(stage: Stage): Promise<void> {
  const { random, runners, history } = stage;
  const one = random.pick(runners);
  if (random.chance(0.5)) one.store.pause(random.below(600));
  if (!stage.ha || !random.chance(0.5)) return;
  const holder = history.latest?.session;
  if (holder !== undefined) await put(`/v1/session/destroy/${holder}`, {});
}

async function play(random: Random, ha: boolean): Promise<void> {
  const stage = createStage(random, ha);
  const count = 2 + random.below(2);
  for (let at = 0; at < count; at++) await startRunner(stage, at);
  await eventually("the first entry", () => publishedPort(stage) !== undefined);
  for (let fault = 0; fault < FAULTS; fault++) {
    await quiet(stage);
    await disturb(stage);
    await quiet(stage);
    const before = publishedPort(stage) ?? 0;
    const others = [...stage.dead];
    for (const port of others) if (others.length > 1 || random.chance(0.5)) revive(stage, port);
    kill(stage, before);
    await eventually("the entry to move", () => publishedPort(stage) !== before);
  }
  await quiet(stage);
  await Promise.all(stage.runners.map(({ stop }) => stop()));
  await stage.history.caughtUp();
  expect(stage.wrong).toEqual([]);
  expect(stage.writes, storyOf(stage)).toHaveLength(1 + FAULTS);
  expect(stage.dead.has(publishedPort(stage) ?? 0)).toBe(false);
  if (ha) expect(unfenced(stage)).toEqual([]);
}

/** What each of them said, for whoever has to find out why. */
function storyOf({ runners, writes }: Stage): string {
  const said = runners.map(({ at, logger }) => [`checker ${at}:`, ...logger.messages()].join("\n  "));
  return [JSON.stringify(writes), ...said].join("\n");
}

/** Versions whose value is new and that were not written by whoever held the key at that moment. */
function unfenced({ history, owners }: Stage): string[] {
  return history.versions.flatMap(({ value, session }, at) => {
    if (value === undefined || value === history.versions[at - 1]?.value) return [];
    const writer = (JSON.parse(value) as { proxyport: number }).proxyport - 20_000;
    const owner = session === undefined ? undefined : owners.get(session);
    return owner === writer ? [] : [`${value} under ${session}, which is ${owner}'s`];
  });
}

describe.each([
  { how: "check-and-set", ha: false },
  { how: "a session lock", ha: true },
])("two and three checkers with $how on moody lines", ({ ha }) => {
  test("each fault moves the entry once, to a server that is up, and only the holder writes", async () => {
    const first = someSeed();
    const plays = Array.from({ length: 8 }, (_, i) => withSeed(first + i, (random) => play(random, ha)));
    const outcomes = await Promise.allSettled(plays);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  });
});

describe("a checker that cannot reach Consul any more", () => {
  /** Two checkers, the first of them through a relay that can be cut, as if it had been killed. */
  async function pair(ha: boolean) {
    const relay = await startRelay(consul);
    const tag = `pair${stages++}`;
    const key = `haproxy/scripted/${tag}`;
    const history = followHistory(consul, key);
    const start = async (place: { readonly address: string; readonly port: number }, at: number) => {
      const controller = new AbortController();
      const store = await openConsul(place, []);
      const scripted = createScriptedChecker(PORTS);
      const logger = createCaptureLogger();
      const options = { ...OPTIONS, tag, ha, intervalMs: 150, timeoutMs: 100, proxyport: { port: 20_000 + at } };
      const running = runGroup(options, {
        checker: scripted,
        store,
        clock: systemClock,
        logger,
        signal: controller.signal,
      });
      const stop = async () => {
        controller.abort(new Error("stopped by the test"));
        await running;
        await store.close();
      };
      releaseLater("checker", stop);
      return { scripted, logger, stop };
    };
    const leader = await start(relay, 0);
    await eventually("the first entry", () => history.latest?.value);
    const follower = await start(consul, 1);
    if (ha)
      await eventually("the follower", () =>
        follower.logger.messages("info").some((line) => line.includes("standing by")),
      );
    return { relay, leader, follower, history };
  }

  const fail = (port: number, ...runners: { scripted: ScriptedChecker }[]) => {
    for (const { scripted } of runners) {
      scripted.behaviour.set(port, "down");
      scripted.lose(port);
    }
  };
  const writerOf = (history: KvHistory) =>
    JSON.parse(history.latest?.value ?? "{}") as { port: number; proxyport: number };

  test("is replaced as soon as Consul lets go of its session, writes nothing when it is back, and does not move the entry", async () => {
    const { relay, leader, follower, history } = await pair(true);
    const session = history.latest?.session;
    await relay.cut();
    fail(1, leader, follower);
    await eventually("the other one's entry", () => writerOf(history).port === 2);
    expect(writerOf(history)).toMatchObject({ port: 2, proxyport: 20_001 });
    const seen = history.versions.slice(history.versions.findIndex((version) => version.session !== session));
    expect(seen.length).toBeGreaterThan(1);
    await relay.mend();
    await eventually(
      "the old leader to stand by",
      () => leader.logger.messages("info").filter((line) => line.includes("standing by")).length > 0,
    );
    await history.caughtUp();
    expect(writerOf(history)).toMatchObject({ port: 2, proxyport: 20_001 });
    expect(history.latest?.session).not.toBe(session);
  });

  test("needs no replacing without --ha: there is no session to wait for", async () => {
    const { relay, leader, follower, history } = await pair(false);
    await relay.cut();
    fail(1, leader, follower);
    await eventually("the other one's entry", () => writerOf(history).port === 2);
    expect(writerOf(history)).toMatchObject({ port: 2, proxyport: 20_001 });
    expect(history.versions.map(({ session }) => session)).toEqual(history.versions.map(() => undefined));
    await relay.mend();
    fail(2, leader, follower);
    await eventually("the next entry", () => writerOf(history).port === 3);
    await history.caughtUp();
    expect(history.versions.filter(({ value }) => value !== undefined)).toHaveLength(3);
  });

  test("a clean stop hands over at once, long before any session ends by itself", async () => {
    const { leader, follower, history } = await pair(true);
    const session = history.latest?.session;
    await leader.stop();
    await eventually("the follower to lead", () =>
      follower.logger.messages("info").some((line) => line.endsWith("leads now")),
    );
    await history.caughtUp();
    expect(history.latest?.session).not.toBe(session);
    expect(history.latest?.session).toBeDefined();
    expect(writerOf(history)).toMatchObject({ port: 1, proxyport: 20_000 });
  });
});
