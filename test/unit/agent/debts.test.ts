import { describe, expect, test } from "vitest";
import { createDebts } from "../../../src/agent/debts.ts";
import type { AgentTraffic } from "../../../src/core/agent-line.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const READY_MS = 10_000;

function setUp(kept = new Map<string, unknown>()) {
  const clock = createFakeClock();
  const debts = createDebts({
    clock,
    recall: (name) => kept.get(name),
    keep: (name, value) => void (value === undefined ? kept.delete(name) : kept.set(name, value)),
  });
  const ask = (from: string, traffic: AgentTraffic | undefined, who = "memcached/mem1") =>
    debts.settle({ who, from: () => from }, traffic, READY_MS);
  return { clock, kept, ask };
}

describe("ready is owed", () => {
  test("to nobody while nothing was withheld", () => {
    const { ask, kept } = setUp();
    expect(ask("a", "admitted")).toBe(false);
    expect(kept.size).toBe(0);
  });

  test("to everybody for a while after a drain, since several HAProxies may share an address", async () => {
    const { ask, clock } = setUp();
    expect(ask("a", "withheld")).toBe(false);
    expect(ask("a", "admitted")).toBe(true);
    expect(ask("a", "admitted")).toBe(true);
    expect(ask("b", "admitted")).toBe(true);
    await clock.advance(READY_MS);
    expect(ask("a", "admitted")).toBe(false);
    expect(ask("b", "admitted")).toBe(false);
  });

  test("later too, once, to whoever was told and has not asked since", async () => {
    const { ask, clock } = setUp();
    ask("a", "withheld");
    ask("b", "withheld");
    expect(ask("a", "admitted")).toBe(true);
    await clock.advance(5 * READY_MS);
    expect(ask("a", "admitted")).toBe(false);
    expect(ask("b", "admitted")).toBe(true);
    expect(ask("b", "admitted")).toBe(false);
  });

  test("anew after each drain", async () => {
    const { ask, clock } = setUp();
    ask("a", "withheld");
    ask("a", "admitted");
    await clock.advance(READY_MS);
    ask("a", "admitted");
    ask("a", "withheld");
    expect(ask("a", "admitted")).toBe(true);
  });

  test("for the server that was drained, not for another", () => {
    const { ask } = setUp();
    ask("a", "withheld");
    expect(ask("a", "admitted", "memcached/mem2")).toBe(false);
  });

  test("after a restart too, and forgotten when it is paid", async () => {
    const before = setUp();
    before.ask("a", "withheld");
    const after = setUp(before.kept);
    expect(after.ask("a", "admitted")).toBe(true);
    await after.clock.advance(READY_MS);
    expect(after.ask("a", "admitted")).toBe(false);
    expect(after.kept.size).toBe(0);
  });

  test("not for ever to one that is gone", async () => {
    const { ask, clock, kept } = setUp();
    ask("gone", "withheld");
    ask("a", "admitted");
    await clock.advance(2 * 3_600_000);
    ask("a", "admitted");
    expect(kept.size).toBe(0);
    expect(ask("gone", "admitted")).toBe(false);
  });

  test("later, when it is not known yet whether the server is to serve", async () => {
    const { ask, clock } = setUp();
    ask("a", "withheld");
    expect(ask("a", undefined)).toBe(false);
    await clock.advance(5 * READY_MS);
    expect(ask("a", undefined)).toBe(false);
    expect(ask("a", "admitted")).toBe(true);
    expect(ask("b", "admitted")).toBe(true);
  });

  test("still, however many names are asked for that nobody has", () => {
    const recalled: string[] = [];
    const debts = createDebts({
      clock: createFakeClock(),
      recall: (name) => void recalled.push(name),
      keep: () => {},
    });
    const ask = (who: string, traffic: AgentTraffic) => debts.settle({ who, from: () => "a" }, traffic, READY_MS);
    ask("memcached/mem1", "withheld");
    for (let at = 0; at < 100_000; at++) ask(`memcached/nobody-${at}`, "admitted");
    expect(ask("memcached/mem1", "admitted")).toBe(true);
    // What was forgotten is looked up again: so it was forgotten.
    recalled.length = 0;
    ask("memcached/nobody-0", "admitted");
    expect(recalled).toEqual(["memcached/nobody-0"]);
  });

  test("to nobody by what is damaged", () => {
    const { ask } = setUp(new Map<string, unknown>([["memcached/mem1", "nonsense"]]));
    expect(ask("a", "admitted")).toBe(false);
  });
});
