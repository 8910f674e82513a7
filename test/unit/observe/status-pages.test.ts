import { describe, expect, test } from "vitest";
import type { GroupStatus, StandingOrder } from "../../../src/core/status.ts";
import { statusHtml } from "../../../src/observe/status-html.ts";
import { statusJson } from "../../../src/observe/status-json.ts";
import { makeReport } from "../../../src/observe/status-report.ts";
import { statusText } from "../../../src/observe/status-text.ts";
import { groupStatus, serverStatus } from "./status-groups.ts";

const STARTED_MS = Date.UTC(2026, 0, 1);

function report(groups: readonly GroupStatus[], ageMs = 11_520_000) {
  return makeReport({ version: "1.2.3", startedMs: STARTED_MS, nowMs: STARTED_MS + ageMs, groups });
}

const BROKEN = groupStatus({
  kind: "mysqlslave",
  tag: "slave3301",
  leader: true,
  published: ["10.0.21.5:3301"],
  servers: [
    serverStatus("10.0.21.5:3301", {
      published: true,
      health: "down",
      reason: "it lags 312 s, more than 30 s, and the SQL thread waits for a lock that nobody lets go of",
    }),
    serverStatus("[2001:db8::1]:3301", { health: "drain", reason: "read_only is off" }),
  ],
});

/** What a stranger may have put into a name or a reason. */
const HOSTILE = `</td><script>alert("1")</script><img src=x onerror='a()'>&amp;\u001b[2J\r\n\u202egnp.exe`;

describe("the page for a terminal", () => {
  test("stands in columns, the worst first, and breaks what is longer than a line", () => {
    expect(statusText(report([groupStatus(), BROKEN]), 80)).toBe(
      `confd-haproxy 1.2.3, checking since 2026-01-01 00:00:00 UTC (3 h 12 min)
2 tags: 1 bad, 1 good    (> is published)

BAD       mysqlslave slave3301 (leader): 10.0.21.5:3301 is published but down
          > 10.0.21.5:3301      down    it lags 312 s, more than 30 s, and the
                                        SQL thread waits for a lock that nobody
                                        lets go of
            [2001:db8::1]:3301  drain   read_only is off

GOOD      memcached mem11211: 10.0.0.1:11211 is published
          > 10.0.0.1:11211      up      set and get work
            10.0.0.2:11211      up      set and get work
`,
    );
  });

  test("fits the width that was asked for", () => {
    const longest = (width: number) =>
      Math.max(
        ...statusText(report([groupStatus(), BROKEN]), width)
          .split("\n")
          .map((line) => line.length),
      );
    expect(longest(60)).toBeLessThanOrEqual(60);
    expect(longest(200)).toBeGreaterThan(100);
  });

  test("moves no cursor and hides nothing, whatever the reason holds", () => {
    const text = statusText(report([groupStatus({ servers: [serverStatus("a:1", { reason: HOSTILE })] })]), 1_000);
    expect(text).toContain("\\u001b[2J\\u000d\\u000a\\u202egnp.exe");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
  });

  test("does not push everybody to the right for one long name", () => {
    const servers = [serverStatus("a:1"), serverStatus(`${"h".repeat(60)}:1`)];
    expect(statusText(report([groupStatus({ servers })]), 80)).toMatch(/^ {12}a:1 {39}up {6}set and/m);
  });

  test.each([
    [59_999, "(59 s)"],
    [61_000, "(1 min 1 s)"],
    [90_000_000, "(1 d 1 h)"],
    [-5_000, "(0 s)"],
  ])("says how long it has been running: %d ms", (ageMs, words) => {
    expect(statusText(report([], ageMs), 80)).toContain(words);
  });

  test("says so when there is nothing", () => {
    expect(statusText(report([]), 80)).toContain("no tags yet");
  });
});

describe("the page for a browser", () => {
  test("lets nothing from outside become markup", () => {
    const group = groupStatus({
      tag: HOSTILE,
      published: [HOSTILE],
      servers: [serverStatus(HOSTILE, { reason: HOSTILE, published: true })],
    });
    const html = statusHtml(report([group]));
    expect(html).not.toMatch(/<script|<img|onerror='/);
    expect(html.match(/&lt;script&gt;alert\(&quot;1&quot;\)/g)?.length).toBeGreaterThanOrEqual(4);
    expect(html).toContain("&amp;amp;");
    expect(html).not.toContain("\u202e");
  });

  test("says every state in a word, not only in a colour", () => {
    const html = statusHtml(report([BROKEN]));
    expect(html).toContain('<section class="bad">');
    expect(html).toMatch(/<span class="mark">bad<\/span> mysqlslave slave3301<small> \(leader\)/);
    expect(html).toMatch(/10\.0\.21\.5:3301 <span class="published">published<\/span>/);
    expect(html).toMatch(/<td class="drain">drain<\/td><td>read_only is off/);
    expect(html).toMatch(/<title>1 tag: 1 bad/);
  });

  test("closes every element that it opens", () => {
    const open: string[] = [];
    const html = statusHtml(report([groupStatus({ servers: [] }), BROKEN])).replace(/<style>.*<\/style>/s, "");
    for (const [, slash, name = ""] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
      if (["meta", "col"].includes(name)) continue;
      if (slash === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });
});

const ORDER: StandingOrder = {
  server: "10.0.21.5:3301",
  order: {
    state: "maint",
    reason: "new disk",
    by: "eva",
    sinceMs: Date.UTC(2026, 0, 1),
    untilMs: Date.UTC(2026, 0, 1, 1),
  },
};

describe("an order by hand", () => {
  const words = "maint of 10.0.21.5:3301: new disk (eva), until 2026-01-01 01:00:00 UTC";

  test("stands on the page for people, whole", () => {
    const shown = report([groupStatus({ orders: [ORDER] })]);
    expect(statusText(shown, 200)).toContain(`! ${words}`);
    expect(statusHtml(shown)).toContain(words);
    expect(statusText(shown, 200)).toContain("DEGRADED");
  });

  test("without reason, name and end is told too", () => {
    const order = { state: "drain", sinceMs: 0, reason: undefined, by: undefined, untilMs: undefined } as const;
    const shown = report([groupStatus({ orders: [{ server: undefined, order }] })]);
    expect(statusText(shown, 200)).toContain("! drain of all its servers\n");
  });
});

describe("the page for programs", () => {
  test("has every field, null where it is not known, sorted by kind and tag", () => {
    const untold = groupStatus({ tag: "a", published: undefined, servers: [] });
    expect(JSON.parse(statusJson(report([{ ...BROKEN, orders: [ORDER] }, untold])))).toEqual({
      version: "1.2.3",
      startedAt: "2026-01-01T00:00:00.000Z",
      now: "2026-01-01T03:12:00.000Z",
      ready: false,
      tags: [
        {
          kind: "memcached",
          tag: "a",
          condition: "waiting",
          summary: "the store has not told yet what is published",
          publishes: true,
          published: null,
          leader: null,
          storeReadable: true,
          split: false,
          orders: [],
          servers: [],
          counters: { rounds: 3, lateRounds: 1, probes: 12, failedProbes: 3, writes: 2, lostWrites: 1, splits: 0 },
        },
        {
          kind: "mysqlslave",
          tag: "slave3301",
          condition: "bad",
          summary: "10.0.21.5:3301 is published but down",
          publishes: true,
          published: ["10.0.21.5:3301"],
          leader: true,
          storeReadable: true,
          split: false,
          orders: [
            {
              server: "10.0.21.5:3301",
              state: "maint",
              reason: "new disk",
              by: "eva",
              since: "2026-01-01T00:00:00.000Z",
              until: "2026-01-01T01:00:00.000Z",
            },
          ],
          servers: [
            { name: "10.0.21.5:3301", health: "down", published: true, reason: BROKEN.servers[0]?.reason },
            { name: "[2001:db8::1]:3301", health: "drain", published: false, reason: "read_only is off" },
          ],
          counters: { rounds: 3, lateRounds: 1, probes: 12, failedProbes: 3, writes: 2, lostWrites: 1, splits: 0 },
        },
      ],
    });
  });
});
