import { describe, expect, test } from "vitest";
import { createDebts } from "../../../src/agent/debts.ts";
import { createDesk, type DeskDeps } from "../../../src/agent/desk.ts";
import type { Seat } from "../../../src/agent/seat.ts";
import type { Order } from "../../../src/core/order.ts";
import type { Standing, StandingSource } from "../../../src/core/standing.ts";
import { createCaptureLogger } from "../../support/capture-logger.ts";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.ts";

const AGENT = { staleAfterMs: 5_000, onStarting: "", onStale: "down #stale", onUnknown: "", onStopping: "" };
const OPTIONS = { agent: AGENT, readyForMs: 10_000, intervalMs: 1_000 };
const MAINT: Order = { state: "maint", reason: undefined, by: undefined, sinceMs: 0, untilMs: undefined };

interface Told {
  readonly servers: Map<string, Standing | "gone">;
  /** By name: what a fresh look at it finds, when it resolves. */
  freshen: (name: string | undefined) => Promise<void>;
}

function standing(name: string, health: Standing["health"], reason = "it is as it is"): Standing {
  const state = health === "unseen" ? "unknown" : health;
  const rest = { judgedMs: 0, weightPercent: undefined, maxconn: undefined, held: undefined };
  return { name, health, verdict: { state, reason }, ...rest };
}

function seat(kind: string, tag: string, servers: readonly Standing[], options: Partial<Seat["options"]> = {}) {
  const told: Told = { servers: new Map(servers.map((one) => [one.name, one])), freshen: async () => {} };
  const first = () => [...told.servers.values()].find((one) => one !== "gone");
  const source: StandingSource = {
    ofTag: first,
    ofServer: (name) => told.servers.get(name),
    get count() {
      return told.servers.size;
    },
    freshen: (name) => told.freshen(name),
  };
  return { kind, tag, options: { ...OPTIONS, ...options }, source: () => source, told };
}

function open(seats: readonly Seat[], deps: Partial<DeskDeps> & { clock?: FakeClock } = {}) {
  const clock = deps.clock ?? createFakeClock();
  const logger = createCaptureLogger();
  const debts = createDebts({ clock, recall: () => undefined, keep: () => {} });
  const rest = { alone: false, defaultWords: undefined, order: () => undefined, debts, clock, logger };
  const desk = createDesk({ seats: () => seats, ...rest, ...deps });
  return { desk, logger, clock, ask: (words: string, from = "127.0.0.1") => desk.answer({ words, from: () => from }) };
}

const A = standing("10.0.0.5:3301", "up");
const B = standing("10.0.0.6:3301", "down", "connection refused");

describe("a question is answered for whom it names:", () => {
  const seats = [
    seat("mysqlslave", "slave3301", [A, B]),
    seat("memcached", "mem1", [standing("10.0.0.7:11211", "drain")]),
  ];
  const { ask } = open(seats);

  test.each([
    ["slave3301", "up\n"],
    ["mysqlslave/slave3301", "up\n"],
    ["mysqlslave/slave3301/10.0.0.5:3301", "up\n"],
    ["mysqlslave/slave3301/10.0.0.6:3301", "down #connection refused\n"],
    ["mem1", "drain up\n"],
  ])("%s", (words, line) => {
    expect(ask(words)).toBe(line);
  });
});

describe("a question that names nobody gets no opinion, and the log says so once:", () => {
  test.each([
    ["slave9", "there is no such tag here"],
    ["memcached/slave3301", "there is no such tag here"],
    ["", "there are several tags"],
    ["\u0000\u0001garbage", "there is no such tag here"],
  ])("%j", (words, problem) => {
    const { ask, logger } = open([seat("mysqlslave", "slave3301", [A]), seat("memcached", "mem1", [A])]);
    expect(ask(words)).toBe("\n");
    expect(ask(words)).toBe("\n");
    expect(logger.messages("warn")).toEqual([expect.stringContaining(problem)]);
  });

  test("a tag that two kinds have", () => {
    const { ask, logger } = open([seat("galera", "db", [A]), seat("patroni", "db", [B])]);
    expect(ask("db")).toBe("\n");
    expect(ask("galera/db")).toBe("up\n");
    expect(logger.messages("warn").join()).toContain("agent-send kind/tag");
  });

  test("however many such questions come, the log stays short", () => {
    const { ask, logger } = open([seat("memcached", "mem1", [A])]);
    for (let at = 0; at < 1_000; at++) void ask(`no-such-${at}`);
    expect(logger.messages("warn").length).toBeLessThan(50);
  });

  test("a server that was never seen: perhaps haproxy.cfg spells it in another way", () => {
    const { ask } = open([seat("memcached", "mem1", [A])]);
    expect(ask("memcached/mem1/10.0.0.99:3301")).toBe("\n");
  });
});

describe("nothing sent", () => {
  test("means the only tag", () => {
    expect(open([seat("memcached", "mem1", [A])]).ask("")).toBe("up\n");
  });

  test("means the default one of several", () => {
    const seats = [seat("mysqlslave", "slave3301", [A]), seat("memcached", "mem1", [B])];
    expect(open(seats, { defaultWords: "memcached/mem1" }).ask("")).toBe("down #connection refused\n");
  });
});

test("a server that was among those of its tag and is not any more is down", () => {
  const one = seat("mysqlslave", "slave3301", [A]);
  one.told.servers.set("10.0.0.6:3301", "gone");
  expect(open([one]).ask("mysqlslave/slave3301/10.0.0.6:3301")).toBe("down #not among the servers any more\n");
});

test("a tag that does not run yet is answered as one that starts", () => {
  const agent = { ...AGENT, onStarting: "down #starting" };
  const idle: Seat = { kind: "hbase", tag: "rs", options: { ...OPTIONS, agent }, source: () => undefined };
  expect(open([idle]).ask("rs")).toBe("down #starting\n");
});

test("only a process of one tag with one server need not wait for the question", () => {
  const one = seat("patroni", "pg", [A]);
  const two = seat("patroni", "pg", [A, B]);
  expect(open([one], { alone: true }).desk.single).toBe(true);
  expect(open([one]).desk.single).toBe(false);
  expect(open([two], { alone: true }).desk.single).toBe(false);
  expect(open([], { alone: true }).desk.single).toBe(false);
});

describe("an order by hand", () => {
  test("for the server is heeded by a question about its tag too", () => {
    const order: DeskDeps["order"] = ({ server }) => (server === A.name ? MAINT : undefined);
    const { ask } = open([seat("mysqlslave", "slave3301", [A, B])], { order });
    expect(ask("slave3301")).toBe("maint\n");
    expect(ask(`mysqlslave/slave3301/${A.name}`)).toBe("maint\n");
    expect(ask(`mysqlslave/slave3301/${B.name}`)).toBe("down #connection refused\n");
  });

  test("that ends is followed by ready for whoever heard it, until the time is over", async () => {
    let told: Order | undefined = MAINT;
    const { ask, clock } = open([seat("memcached", "mem1", [A])], { order: () => told });
    expect(ask("mem1")).toBe("maint\n");
    told = undefined;
    expect(ask("mem1")).toBe("ready up\n");
    await clock.advance(10_000);
    expect(ask("mem1")).toBe("down #stale\n");
  });
});

describe("a tag whose servers are asked when HAProxy asks", () => {
  test("is looked at first, and then answered", async () => {
    const one = seat("datawave", "dw", [standing("h:1", "down")], { intervalMs: 0 });
    one.told.freshen = async () => void one.told.servers.set("h:1", standing("h:1", "up"));
    expect(await open([one]).ask("dw")).toBe("up\n");
  });

  test("is answered from what is known when the look takes longer than HAProxy waits", async () => {
    const clock = createFakeClock();
    const one = seat("datawave", "dw", [standing("h:1", "down", "it was gone")], { intervalMs: 0 });
    one.told.freshen = () => new Promise(() => {});
    const answer = open([one], { clock }).ask("dw");
    await clock.advance(1_500);
    expect(await answer).toBe("down #it was gone\n");
  });
});

test("from the stop on, what was configured for it is said, without asking anybody", () => {
  const agent = { ...AGENT, onStopping: "drain" };
  const { desk, ask } = open([seat("datawave", "dw", [A], { agent, intervalMs: 0 })]);
  desk.stop();
  expect(ask("dw")).toBe("drain\n");
});
