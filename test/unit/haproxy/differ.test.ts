import { describe, expect, test } from "vitest";
import { diffConfigs } from "../../../src/haproxy/differ.ts";
import type { Difference, HaproxyFacts } from "../../../src/haproxy/difference.ts";

const V26: HaproxyFacts = { version: [2, 6] };

const BASE = `global
    maxconn 4000
defaults
    mode tcp
    balance leastconn
    timeout connect 5s
listen web
    bind :80
    server a 10.0.0.1:80 check weight 10 maxconn 5 addr 10.1.0.1 port 81
    server b 10.0.0.2:80 agent-check agent-addr 10.1.0.2 agent-port 82 agent-send hi
    server c 10.0.0.3:80 backup
    server d 10.0.0.4:80 backup
backend db
    server a db.local:80
    server s /run/db.sock
`;

function change(from: string, to: string, facts: HaproxyFacts = V26): Difference {
  expect(BASE).toContain(from);
  return diffConfigs(BASE, BASE.replace(from, to), facts);
}

function commands(difference: Difference): string[] {
  expect(difference).toMatchObject({ how: "runtime" });
  return difference.how === "runtime" ? difference.steps.map(({ command }) => command) : [];
}

function undone(difference: Difference): (string | undefined)[] {
  return difference.how === "runtime" ? difference.steps.map(({ undo }) => undo) : [];
}

function reasons(difference: Difference): readonly string[] {
  expect(difference).toMatchObject({ how: "reload" });
  return difference.how === "reload" ? difference.because : [];
}

describe("what a running HAProxy takes by command", () => {
  test.each([
    [
      "an address",
      "10.0.0.1:80",
      "10.0.0.7:80",
      "set server web/a addr 10.0.0.7 port 80",
      "set server web/a addr 10.0.0.1 port 80",
    ],
    [
      "a port",
      "10.0.0.1:80",
      "10.0.0.1:90",
      "set server web/a addr 10.0.0.1 port 90",
      "set server web/a addr 10.0.0.1 port 80",
    ],
    [
      "an IPv6 address",
      "10.0.0.1:80",
      "[2001:DB8::0:1]:80",
      "set server web/a addr 2001:db8::1 port 80",
      "set server web/a addr 10.0.0.1 port 80",
    ],
    ["an address where a name was", "db.local:80", "10.0.0.7:80", "set server db/a addr 10.0.0.7 port 80", undefined],
    ["a weight", "weight 10", "weight 0", "set server web/a weight 0", "set server web/a weight 10"],
    ["a weight no longer said", " weight 10", "", "set server web/a weight 1", "set server web/a weight 10"],
    ["a maxconn", "maxconn 5", "maxconn 6", "set maxconn server web/a 6", "set maxconn server web/a 5"],
    ["a maxconn no longer said", " maxconn 5", "", "set maxconn server web/a 0", "set maxconn server web/a 5"],
    [
      "maintenance",
      "10.0.0.3:80",
      "10.0.0.3:80 disabled",
      "set server web/c state maint",
      "set server web/c state ready",
    ],
    [
      "where it is checked",
      "addr 10.1.0.1",
      "addr 10.1.0.9",
      "set server web/a check-addr 10.1.0.9",
      "set server web/a check-addr 10.1.0.1",
    ],
    ["the port of its check", "port 81", "port 91", "set server web/a check-port 91", "set server web/a check-port 81"],
    [
      "both of them",
      "addr 10.1.0.1 port 81",
      "addr 10.1.0.9 port 91",
      "set server web/a check-addr 10.1.0.9 port 91",
      "set server web/a check-addr 10.1.0.1 port 81",
    ],
    [
      "where its agent is",
      "agent-addr 10.1.0.2",
      "agent-addr ::2",
      "set server web/b agent-addr ::2",
      "set server web/b agent-addr 10.1.0.2",
    ],
    [
      "the port of its agent",
      "agent-port 82",
      "agent-port 92",
      "set server web/b agent-port 92",
      "set server web/b agent-port 82",
    ],
    [
      "what its agent is told",
      "agent-send hi",
      "agent-send ho",
      "set server web/b agent-send ho",
      "set server web/b agent-send hi",
    ],
  ])("%s", (_, from, to, command, undo) => {
    const difference = change(from, to);
    expect(commands(difference)).toEqual([command]);
    expect(undone(difference)).toEqual([undo]);
  });

  test("a server that is added begins in maintenance, its checks off: they are turned on before it is", () => {
    expect(
      commands(
        change(
          "    server c",
          "    server e [::1]:80 check agent-check agent-port 9 maxconn 7 send-proxy\n    server c",
        ),
      ),
    ).toEqual([
      "add server web/e [::1]:80 check agent-check agent-port 9 maxconn 7 send-proxy minconn 7 check-send-proxy",
      "enable health web/e",
      "enable agent web/e",
      "set server web/e agent up",
      "set server web/e state ready",
    ]);
  });

  test("a server that is added out of service stays so", () => {
    expect(commands(change("    server c", "    server e 10.0.0.9:80 disabled\n    server c"))).toEqual([
      "add server web/e 10.0.0.9:80 disabled",
    ]);
  });

  test("default-server is spelled out for a server that is added, but for what looks up names", () => {
    const defaults = BASE.replace(
      "    balance",
      "    default-server init-addr none inter 5s weight 3 fall 9\n    balance",
    );
    const before = defaults.replace("    bind", "    default-server check inter 7s\n    bind");
    const after = before.replace("    server c", "    server e 10.0.0.9:80 weight 4\n    server c");
    expect(commands(diffConfigs(before, after, V26))[0]).toBe(
      "add server web/e 10.0.0.9:80 fall 9 check inter 7s weight 4",
    );
  });

  test("a server that is removed is deleted last of all, once its sessions have ended", () => {
    const difference = diffConfigs(
      BASE,
      BASE.replace(/ {4}server b.*\n/, "").replace("server c 10.0.0.3", "server c 10.0.0.8"),
      V26,
    );
    expect(commands(difference)).toEqual([
      "set server web/c addr 10.0.0.8 port 80",
      "disable agent web/b",
      "set server web/b state maint",
      "del server web/b",
    ]);
    expect(difference).toMatchObject({
      addressesOnly: false,
      replaced: [
        { backend: "web", server: "b" },
        { backend: "web", server: "c" },
      ],
    });
    const waiting = difference.how === "runtime" ? difference.steps.map((step) => step.waitsForSessions ?? false) : [];
    expect(waiting).toEqual([false, false, false, true]);
  });

  test("a server with another name is a new one, there before the old one goes", () => {
    const all = commands(change("server a 10.0.0.1:80 check", "server z 10.0.0.1:80 check"));
    expect(all.at(0)).toMatch(/^add server web\/z /);
    expect(all.at(-1)).toBe("del server web/a");
  });

  test("addresses alone are told from all else, and whose sessions go to a wrong place now", () => {
    const moved = { backend: "web", server: "a" };
    expect(change("10.0.0.1:80", "10.0.0.7:80")).toMatchObject({ addressesOnly: true, replaced: [moved] });
    expect(change("weight 10", "weight 9")).toMatchObject({ addressesOnly: false, replaced: [] });
    expect(change("10.0.0.1:80 check weight 10", "10.0.0.7:80 check weight 9")).toMatchObject({
      addressesOnly: false,
      replaced: [moved],
    });
  });
});

describe("what is no difference", () => {
  test.each([
    ["a comment", "bind :80", "bind :80 # hello"],
    ["blanks", "    bind :80", "\tbind   :80  \n\n"],
    ["quotes", "server a 10.0.0.1:80", `server 'a' "10.0.0.1:80"`],
    ["a carriage return at the end of a line", "bind :80", "bind :80\r"],
    ["what is the default anyway", "server c 10.0.0.3:80", "server c 10.0.0.3:80 weight 1 enabled"],
    ["two ways to write one address", "10.0.0.3:80 backup", "10.0.0.3:80 backup "],
  ])("%s", (_, from, to) => {
    expect(change(from, to)).toEqual({ how: "nothing" });
  });

  test("the order of servers, where it decides nothing", () => {
    const lines = BASE.split("\n");
    const swapped = [...lines.slice(0, 8), lines[9], lines[8], ...lines.slice(10)].join("\n");
    expect(diffConfigs(BASE, swapped, V26)).toEqual({ how: "nothing" });
  });
});

describe("what needs a reload, in words that name the line", () => {
  test.each([
    ["maxconn 4000", "maxconn 8000", "global section: maxconn 4000 → 8000"],
    ["bind :80", "bind :81", "listen web (line 8): bind :80 → bind :81"],
    ["timeout connect 5s", "timeout connect 9s", "defaults section (line 6): timeout connect 5s → 9s"],
    ["listen web", "listen web from x", "listen web (line 7): listen web → listen web from x"],
    ["listen web", "listen x\nlisten web", "a section was added: listen x"],
    ["    bind :80\n", "", 'listen web (line 8): "bind :80" was removed'],
    ["    bind :80\n", "    bind :80\n    option tcpka\n", 'listen web (line 9): "option tcpka" was added'],
    [
      "    bind :80\n",
      "    default-server check\n    bind :80\n",
      'listen web (line 8): "default-server check" was added',
    ],
    ["10.0.0.3:80 backup", "10.0.0.3:80 backup ssl", 'server web/c: keyword "ssl" is not changed at run time'],
    ["10.0.0.3:80 backup", "10.0.0.3:80", 'server web/c: keyword "backup" is not changed at run time'],
    ["10.0.0.3:80 backup", "10.0.0.3:80 backup frobnicate", 'server web/c: keyword "frobnicate" is not understood'],
    [" addr 10.1.0.1", "", 'server web/a: keyword "addr" is not changed at run time'],
    [
      "10.0.0.1:80",
      "db:80",
      "server web/a: address 10.0.0.1:80 → db:80: only an IP address with a port is set at run time",
    ],
    [
      "10.0.0.1:80",
      "10.0.0.1",
      "server web/a: address 10.0.0.1:80 → 10.0.0.1: only an IP address with a port is set at run time",
    ],
    [
      "/run/db.sock",
      "10.0.0.1:80",
      "server db/s: address /run/db.sock → 10.0.0.1:80: the old one is neither an IP address nor a name with a port",
    ],
    ["server a 10.0.0.1:80", `server a "$A:80"`, "server web/a: a variable decides on line 9"],
    ["agent-send hi", "agent-send 'a b'", "server web/b: agent-send: the text has blanks or other special characters"],
    [
      "agent-send hi",
      "agent-send hi weight 3",
      "server web/b: weight: an agent's percents are of the weight HAProxy started with",
    ],
    ["weight 10", "weight 257", "server web/a: its weight is no number from 0 to 256"],
    [
      "server c 10.0.0.3:80 backup",
      "server b 10.0.0.3:80 backup",
      "server web/b: it cannot be added at run time: there is more than one server of that name",
    ],
    [
      "    server c",
      "    server e 10.0.0.9:80 backup\n    server c",
      "listen web: the order of its backup servers changes",
    ],
    [
      "    server c",
      "    server e 10.0.0.9:80 ssl verify none\n    server c",
      'server web/e: it cannot be added at run time: keyword "ssl"',
    ],
    [
      "    server c",
      "    server e db:80\n    server c",
      "server web/e: it cannot be added at run time: db:80 is no IP address with a port",
    ],
  ])("%j → %j", (from, to, reason) => {
    expect(reasons(change(from, to))).toContain(reason);
  });

  test("sections that are removed or stand in another order", () => {
    const [head = "", db = ""] = BASE.split(/(?=backend db)/);
    expect(diffConfigs(BASE, head, V26)).toMatchObject({
      because: ["a section was removed: backend db"],
      replaced: [
        { backend: "db", server: "a" },
        { backend: "db", server: "s" },
      ],
    });
    const moved = head.replace("listen web", `${db}listen web`);
    expect(reasons(diffConfigs(BASE, moved, V26))).toEqual(["the sections stand in another order"]);
  });

  test("lines that are the same in another order", () => {
    const before = BASE.replace("bind :80", "bind :80\n    use_backend x if a\n    use_backend y if a");
    const after = BASE.replace("bind :80", "bind :80\n    use_backend y if a\n    use_backend x if a");
    expect(reasons(diffConfigs(before, after, V26))).toEqual(["listen web: its lines stand in another order"]);
  });

  test("which servers are replaced is told of a reload too", () => {
    const after = BASE.replace("maxconn 4000", "maxconn 1").replace("10.0.0.2:80", "10.0.0.9:80");
    expect(diffConfigs(BASE, after, V26)).toMatchObject({ how: "reload", replaced: [{ backend: "web", server: "b" }] });
  });

  test("a last line without its line end", () => {
    expect(reasons(diffConfigs(BASE, BASE.trimEnd(), V26))).toEqual([
      "the line end of the last line was added or removed",
    ]);
  });

  test("a line that speaks of its own number and has moved", () => {
    const before = BASE.replace("bind :80", `log-tag "\${.LINE}"`);
    expect(diffConfigs(before, `# hello\n${before}`, V26)).toMatchObject({ how: "reload" });
  });

  test("ten reasons are told, and how many there are besides", () => {
    const before = Array.from({ length: 14 }, (_, i) => `listen l${i}\n    bind :1\n`).join("");
    const because = reasons(diffConfigs(before, before.replaceAll("bind :1", "bind :2"), V26));
    expect(because).toHaveLength(11);
    expect(because.at(-1)).toBe("and 4 more");
  });

  test.each([
    ["stats auth admin:s3cret", "stats auth"],
    ["http-request set-header Authorization s3cret", "set-header"],
    [`stats auth "admin:s3cret`, "stats"],
    ["setenv DB_PASSWORD s3cret", "DB_PASSWORD"],
  ])("%s is told without its secret", (line, shown) => {
    const [told] = reasons(change("bind :80", `bind :80\n    ${line}`));
    expect(told).toContain(shown);
    expect(told).not.toContain("s3cret");
  });

  test("a control character does not get into the words", () => {
    const [told] = reasons(change("bind :80", "bind :80\n    description a\\x1b[31mb\\nc"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(told).not.toMatch(/[\u0000-\u001f]/);
  });
});
