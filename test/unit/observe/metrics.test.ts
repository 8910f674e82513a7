import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Clock } from "../../../src/core/clock.ts";
import type { GroupStatus } from "../../../src/core/status.ts";
import { systemClock } from "../../../src/lib/system-clock.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { releaseLater } from "../../support/releases.ts";
import { parseExposition, seriesKey } from "./metrics-parser.ts";
import { groupStatus, manyGroups, serverStatus } from "./status-groups.ts";

const FACTS = { version: "1.2.3", startedMs: 1_700_000_000_250 };

async function metricsOf(groups: () => readonly GroupStatus[], clock: Clock = systemClock) {
  const stop = new AbortController();
  const metrics = await createMetrics(FACTS, { groups, clock, signal: stop.signal });
  releaseLater("metrics", () => metrics.close());
  return { ...metrics, stop };
}

async function scrape(...groups: GroupStatus[]) {
  const { scrape } = await metricsOf(() => groups);
  const families = parseExposition(await scrape());
  return {
    families,
    value: (name: string, labels: Readonly<Record<string, string>> = {}) =>
      families.get(name)?.series.get(seriesKey(labels)),
  };
}

const TAG = { kind: "memcached", tag: "mem11211" };

test.each([
  ["a line without end", "# HELP a b\n# TYPE a gauge\na 1"],
  ["a series without TYPE", "a 1\n"],
  ["a TYPE without HELP", "# TYPE a gauge\na 1\n"],
  ["a series twice", '# HELP a b\n# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n'],
  ["a family twice", "# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n# TYPE a gauge\n"],
  ["a quote that is not escaped", '# HELP a b\n# TYPE a gauge\na{x="1"2"} 1\n'],
  ["a counter that is not a total", "# HELP a b\n# TYPE a counter\na 1\n"],
  ["a value that is no number", "# HELP a b\n# TYPE a gauge\na undefined\n"],
])("the parser of these tests refuses %s", (_, text) => {
  expect(() => parseExposition(text)).toThrow();
});

describe("the exposition", () => {
  test("is well formed, and names every metric once, whether it has series or not", async () => {
    const { families } = await scrape();
    expect([...families].map(([name, { type }]) => `${type} ${name}`)).toEqual([
      "gauge confd_haproxy_event_loop_lag_p99_seconds",
      "gauge confd_haproxy_event_loop_lag_max_seconds",
      "gauge process_resident_memory_bytes",
      "counter process_cpu_seconds_total",
      "gauge process_start_time_seconds",
      "gauge confd_haproxy_build_info",
      "counter confd_haproxy_agent_answers_total",
      "counter confd_haproxy_agent_refused_total",
      "counter confd_haproxy_agent_dropped_total",
      "gauge confd_haproxy_agent_connections",
      "gauge confd_haproxy_checker_server_up",
      "gauge confd_haproxy_checker_published",
      "gauge confd_haproxy_checker_published_servers",
      "gauge confd_haproxy_checker_split_brain",
      "gauge confd_haproxy_checker_leader",
      "gauge confd_haproxy_checker_store_readable",
      "gauge confd_haproxy_checker_order",
      "counter confd_haproxy_checker_probes_total",
      "counter confd_haproxy_checker_failed_probes_total",
      "counter confd_haproxy_checker_rounds_total",
      "counter confd_haproxy_checker_late_rounds_total",
      "counter confd_haproxy_checker_writes_total",
      "counter confd_haproxy_checker_lost_writes_total",
      "counter confd_haproxy_checker_split_brain_total",
    ]);
  });

  test("tells of the process which version it is, when it began, what it used", async () => {
    const { value } = await scrape();
    expect(value("confd_haproxy_build_info", { version: "1.2.3", node: process.version })).toBe(1);
    expect(value("process_start_time_seconds")).toBe(1_700_000_000.25);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
    expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
  });

  test("stays well formed whatever the labels hold", async () => {
    const tag = 'a"b\\c\nd{e="f"}, é';
    const { value } = await scrape(groupStatus({ tag, servers: [serverStatus('x"\\\n')] }));
    expect(value("confd_haproxy_checker_split_brain", { kind: "memcached", tag })).toBe(0);
    expect(value("confd_haproxy_checker_server_up", { kind: "memcached", tag, server: 'x"\\\n' })).toBe(1);
  });

  test("names a series once also when an entry names a server twice", async () => {
    const { value } = await scrape(groupStatus({ published: ["a:1", "a:1"] }));
    expect(value("confd_haproxy_checker_published", { ...TAG, server: "a:1" })).toBe(1);
    expect(value("confd_haproxy_checker_published_servers", TAG)).toBe(1);
  });
});

test("docs/monitoring.md describes every metric and no other, and its rules are YAML", async () => {
  const page = readFileSync(new URL("../../../docs/monitoring.md", import.meta.url), "utf8");
  const { families } = await scrape();
  const rows = [...page.matchAll(/^\| (`[a-z_0-9`, ]+`) \|/gm)].flatMap(([, names = ""]) => names.match(/\w+/g) ?? []);
  expect(rows.sort()).toEqual([...families.keys()].sort());
  const used = new Set(page.match(/\bconfd_haproxy_[a-z_0-9]+/g));
  expect([...used].filter((name) => !families.has(name))).toEqual([]);
  const [, rules] = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = ""]) => parse(yaml));
  expect(rules.groups[0].rules.length).toBeGreaterThan(10);
});

describe("a tag", () => {
  test("shows which of its servers are up: draining, down and unseen ones are not", async () => {
    const servers = (["up", "down", "drain", "unseen"] as const).map((health) => serverStatus(health, { health }));
    const { value } = await scrape(groupStatus({ servers }));
    const seen = servers.map(({ name }) => value("confd_haproxy_checker_server_up", { ...TAG, server: name }));
    expect(seen).toEqual([1, 0, 0, 0]);
  });

  test("shows what is published, also a server that is not checked here", async () => {
    const { value, families } = await scrape(groupStatus({ published: ["10.0.0.2:11211", "9.9.9.9:1"] }));
    expect(value("confd_haproxy_checker_published", { ...TAG, server: "9.9.9.9:1" })).toBe(1);
    expect(families.get("confd_haproxy_checker_published")?.series.size).toBe(2);
    expect(value("confd_haproxy_checker_published_servers", TAG)).toBe(2);
  });

  test("with nothing published says zero; before the store has told, nothing", async () => {
    const empty = await scrape(groupStatus({ published: [] }));
    expect(empty.value("confd_haproxy_checker_published_servers", TAG)).toBe(0);
    const untold = await scrape(groupStatus({ published: undefined }));
    expect(untold.value("confd_haproxy_checker_published_servers", TAG)).toBeUndefined();
  });

  test("is leader, is not, or has no such thing", async () => {
    const [leader, follower, neither] = await Promise.all(
      [true, false, undefined].map((leader) => scrape(groupStatus({ leader }))),
    );
    expect(leader?.value("confd_haproxy_checker_leader", TAG)).toBe(1);
    expect(follower?.value("confd_haproxy_checker_leader", TAG)).toBe(0);
    expect(neither?.value("confd_haproxy_checker_leader", TAG)).toBeUndefined();
  });

  test("shows a split brain, the store's silence and every counter", async () => {
    const counters = {
      rounds: 3,
      lateRounds: 1,
      probes: 1_000_000,
      failedProbes: 5,
      writes: 4,
      lostWrites: 3,
      splits: 2,
    };
    const { value } = await scrape(groupStatus({ split: true, storeReadable: false, counters }));
    expect(value("confd_haproxy_checker_split_brain", TAG)).toBe(1);
    expect(value("confd_haproxy_checker_store_readable", TAG)).toBe(0);
    expect(value("confd_haproxy_checker_probes_total", TAG)).toBe(1_000_000);
    expect(value("confd_haproxy_checker_failed_probes_total", TAG)).toBe(5);
    expect(value("confd_haproxy_checker_writes_total", TAG)).toBe(4);
    expect(value("confd_haproxy_checker_lost_writes_total", TAG)).toBe(3);
    expect(value("confd_haproxy_checker_split_brain_total", TAG)).toBe(2);
  });
});

describe("one scrape after the other", () => {
  test("counters do not add up, and what is gone is no longer told", async () => {
    let groups: readonly GroupStatus[] = [groupStatus(), groupStatus({ tag: "other" })];
    const { scrape } = await metricsOf(() => groups);
    await scrape();
    groups = [groupStatus({ published: ["10.0.0.2:11211"] })];
    const families = parseExposition(await scrape());
    expect(families.get("confd_haproxy_checker_probes_total")?.series).toEqual(new Map([[seriesKey(TAG), 12]]));
    expect([...(families.get("confd_haproxy_checker_published")?.series.keys() ?? [])]).toEqual([
      seriesKey({ ...TAG, server: "10.0.0.2:11211" }),
    ]);
  });

  test("those who ask at the same time share one answer; nobody asks for the groups in between", async () => {
    let asked = 0;
    const { scrape } = await metricsOf(() => {
      asked += 1;
      return manyGroups(3);
    });
    expect(asked).toBe(0);
    const [first, second] = await Promise.all([scrape(), scrape()]);
    expect(second).toBe(first);
    expect(asked).toBe(1);
    await scrape();
    expect(asked).toBe(2);
  });

  test("other work comes between two families, and a scrape ends when the process does", async () => {
    const clock = createFakeClock();
    const { scrape, stop } = await metricsOf(() => manyGroups(2), clock);
    const pending = scrape();
    const ended = expect(pending).rejects.toThrow("told to stop");
    await clock.untilSleepers(1);
    stop.abort(new Error("told to stop"));
    await ended;
  });
});

test("the agent port is told of as it is at each scrape", async () => {
  let activity = { answered: 5, refused: 1, dropped: 2, open: 3 };
  const stop = new AbortController();
  const deps = { groups: () => [], agent: () => activity, clock: systemClock, signal: stop.signal };
  const metrics = await createMetrics(FACTS, deps);
  releaseLater("metrics", () => metrics.close());
  const values = async () => {
    const families = parseExposition(await metrics.scrape());
    return ["answers_total", "refused_total", "dropped_total", "connections"].map((name) =>
      families.get(`confd_haproxy_agent_${name}`)?.series.get(seriesKey({})),
    );
  };
  expect(await values()).toEqual([5, 1, 2, 3]);
  activity = { answered: 9, refused: 1, dropped: 2, open: 0 };
  expect(await values()).toEqual([9, 1, 2, 0]);
});
