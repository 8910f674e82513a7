import { describe, expect, test } from "vitest";
import { diffConfigs } from "../../../src/haproxy/differ.ts";
import type { Difference, HaproxyFacts } from "../../../src/haproxy/difference.ts";

const V26: HaproxyFacts = { version: [2, 6] };
const A = "    server a 10.0.0.1:80 check weight 10\n";

const ADDRESS: Edit = [A, A.replace("10.0.0.1", "10.0.0.7")];
const WEIGHT: Edit = [A, A.replace("weight 10", "weight 20")];
const MAXCONN: Edit = [A, A.replace("weight 10", "weight 10 maxconn 5")];
const DISABLED: Edit = [A, A.replace("weight 10", "weight 10 disabled")];
const ADDED: Edit = [A, `${A}    server n 10.0.0.9:80\n`];
const REMOVED: Edit = [`${A}    server n 10.0.0.9:80\n`, A];

type Edit = readonly [before: string, after: string];

/** The difference an edit makes where `%` stands in a configuration. */
function edited(config: string, [before, after]: Edit, facts = V26): Difference {
  return diffConfigs(config.replace("%\n", before), config.replace("%\n", after), facts);
}

function because(difference: Difference): string {
  expect(difference).toMatchObject({ how: "reload" });
  return difference.how === "reload" ? difference.because.join("; ") : "";
}

const web = (...lines: string[]) =>
  `defaults\n    mode tcp\nlisten web\n${lines.map((line) => `    ${line}\n`).join("")}%\n`;

describe("what surrounds a server decides on what is changed at run time", () => {
  test.each([
    [
      "no defaults above: another file's may apply",
      "listen web\n%\n",
      [WEIGHT, MAXCONN, DISABLED, ADDED, REMOVED],
      "no defaults section",
    ],
    ["defaults below do not apply", "listen web\n%\ndefaults\n    mode tcp\n", [WEIGHT, ADDED], "no defaults section"],
    ["named defaults that are elsewhere", "defaults\nlisten web from x\n%\n", [WEIGHT, ADDED], 'defaults "x"'],
    ["two defaults of the name", "defaults x\ndefaults x\nlisten web from x\n%\n", [WEIGHT], "several defaults"],
    ["defaults under a condition", ".if 1\ndefaults\n.endif\nlisten web\n%\n", [WEIGHT, ADDED], "conditions"],
    ["a condition in the section", web(".if 1", "balance source", ".endif"), [WEIGHT, ADDED], "conditions"],
    ["a variable in balance", web(`balance "$B"`), [WEIGHT, ADDED], "a variable decides"],
    ["a fixed algorithm", web("balance static-rr"), [WEIGHT, ADDED, REMOVED], "static-rr"],
    ["a map of hashes", web("balance source"), [WEIGHT, ADDED, REMOVED], "source"],
    ["the algorithm of the defaults", "defaults\n    balance source\nlisten web\n%\n", [WEIGHT, ADDED], "source"],
    [
      "defaults that the defaults are from",
      "defaults b\n    balance source\ndefaults c from b\nlisten web from c\n%\n",
      [WEIGHT],
      "source",
    ],
    ["servers by number", web("balance first"), [ADDED, REMOVED], "first"],
    ["an agent of default-server", web("default-server agent-check agent-port 9"), [WEIGHT], "agent"],
    ["minconn", web("default-server minconn 3"), [MAXCONN], "minconn"],
    ["fullconn", web("fullconn 100"), [MAXCONN, ADDED], "fullconn"],
    ["http", web("mode http"), [ADDED, REMOVED], "mode http"],
    ["stick tables", web("stick-table type ip size 1k", "stick on src"), [ADDED, REMOVED], "stick"],
    ["cookies", web("cookie S insert"), [ADDED, REMOVED], "cookie"],
    ["use-server", web("use-server n if TRUE"), [REMOVED], "use-server"],
    ["a rule that asks for a server", web("acl x srv_is_up(web/n)"), [ADDED, REMOVED], "a rule asks"],
    ["a server that follows another", web("server t 10.0.0.3:80 track n"), [REMOVED], "points to it"],
    ["a line elsewhere that names it", `${web()}frontend f\n    acl x srv_is_up(web/n)\n`, [REMOVED], "points to it"],
    [
      "servers kept by address",
      `${web()}backend t\n    stick-table type ip size 1k srvkey addr\n`,
      [ADDRESS],
      "srvkey",
    ],
    ["servers hashed by address", web("default-server hash-key addr"), [ADDRESS], "hash-key"],
    ["a mode that keeps addresses", web("mode log"), [ADDRESS], "mode log"],
    ["the section's name twice", `${web()}backend web\n`, [ADDRESS, WEIGHT], "more than one section"],
    ["the section's name twice, quoted", `${web()}backend  'w'eb\n`, [ADDRESS], "more than one section"],
    ["the server's name twice", web("server a 10.0.0.3:80"), [ADDRESS, WEIGHT], "more than one server"],
    ["a keyword unknown to us", web("frobnicate on"), [ADDRESS, WEIGHT, ADDED], "frobnicate"],
    ["an unknown word in default-server", web("default-server frobnicate"), [ADDRESS, WEIGHT], "frobnicate"],
    ["a condition around the server", web(".if 1").replace("%\n", "%\n.endif\n"), [ADDRESS, WEIGHT], ".if"],
    ["a condition around the section", ".if 1\nlisten web\n.else\nlisten x\n.endif\n%\n", [ADDRESS], ".if"],
    ["a name that needs quoting", "defaults\nlisten 'w b'\n%\n", [ADDRESS], "name"],
  ] satisfies [string, string, Edit[], string][])("%s", (_, config, edits, word) => {
    for (const edit of edits) expect(because(edited(config, edit))).toContain(word);
  });

  test.each([
    ["an address needs no defaults", "listen web\n%\n", [ADDRESS]],
    ["an address needs to know no balance", web("balance source"), [ADDRESS, MAXCONN, DISABLED]],
    ["conditions beside the server leave its address alone", web(".if 1", "option tcpka", ".endif"), [ADDRESS]],
    ["consistent hashes take another weight", web("balance source", "hash-type consistent"), [WEIGHT]],
    ["the algorithms with changing weights", web("balance random(3)"), [WEIGHT, ADDED, REMOVED]],
    [
      "the section's own balance counts",
      "defaults\n    balance source\nlisten web\n    balance leastconn\n%\n",
      [WEIGHT, ADDED],
    ],
    ["defaults without from begin anew", "defaults\n    balance source\ndefaults\nlisten web\n%\n", [WEIGHT, ADDED]],
    ["servers kept by name", `${web()}backend t\n    stick-table type ip size 1k srvkey name\n`, [ADDRESS]],
    ["the section's name as a frontend's", `${web()}frontend web\n`, [ADDRESS, WEIGHT]],
    ["unknown words beside it on another server", web("server b 10.0.0.3:80 frobnicate"), [ADDRESS, WEIGHT, ADDED]],
    ["a variable on another server", web(`server b "$B:80"`), [ADDRESS, WEIGHT, ADDED]],
    ["a server named elsewhere", web("server t 10.0.0.3:80 track a"), [ADDRESS, WEIGHT, DISABLED]],
    ["a backend", "defaults\nbackend web\n%\n", [ADDRESS, WEIGHT, ADDED, REMOVED]],
  ] satisfies [string, string, Edit[]][])("but %s", (_, config, edits) => {
    for (const edit of edits) expect(edited(config, edit)).toMatchObject({ how: "runtime" });
  });

  test("a name that a resolvers section looks up is not taken over by an address", () => {
    const edit: Edit = ["    server a db:80\n", "    server a 10.0.0.1:80\n"];
    expect(edited(web(), edit)).toMatchObject({ how: "runtime" });
    expect(because(edited(web("default-server resolvers dns"), edit))).toContain("resolvers");
    expect(because(edited("listen web\n%\n", edit))).toContain("no defaults section");
  });

  test("servers come and go from 2.6 on, checks move from 2.4 on", () => {
    const checked: Edit = [A.replace("weight", "port 1 weight"), A.replace("weight", "port 2 weight")];
    expect(because(edited(web(), ADDED, { version: [2, 5] }))).toContain("HAProxy 2.5 adds and deletes no servers");
    expect(edited(web(), ADDED, { version: [3, 2] })).toMatchObject({ how: "runtime" });
    expect(because(edited(web(), checked, { version: [2, 3] }))).toContain("before HAProxy 2.4");
    expect(edited(web(), checked, { version: [2, 4] })).toMatchObject({ how: "runtime" });
    expect(edited(web(), WEIGHT, { version: [2, 2] })).toMatchObject({ how: "runtime" });
  });

  test("an agent that is asked where the check is asks for a reload when the check moves", () => {
    const line = (addr: string, agent: string) =>
      `    server a 10.0.0.1:80 check addr ${addr} agent-check agent-port 9${agent}\n`;
    const alone: Edit = [line("10.1.0.1", ""), line("10.1.0.2", "")];
    const apart: Edit = [line("10.1.0.1", " agent-addr 10.1.0.5"), line("10.1.0.2", " agent-addr 10.1.0.5")];
    expect(because(edited(web(), alone))).toContain("its agent is asked there too");
    expect(edited(web(), apart)).toMatchObject({ how: "runtime" });
  });

  test("the address of a check that is off is not changed", () => {
    const edit: Edit = ["    server a 10.0.0.1:80 port 1\n", "    server a 10.0.0.1:80 port 2\n"];
    expect(because(edited(web(), edit))).toContain("not on");
    expect(edited(web("default-server check"), edit)).toMatchObject({ how: "runtime" });
  });

  test("default-server counts for the servers below it alone", () => {
    const before =
      "defaults\nlisten web\n    server a 10.0.0.1:80\n    default-server weight 5\n    server b 10.0.0.2:80\n";
    const after =
      "defaults\nlisten web\n    default-server weight 5\n    server a 10.0.0.1:80\n    server b 10.0.0.2:80\n";
    const difference = diffConfigs(before, after, V26);
    expect(difference).toMatchObject({ how: "runtime", steps: [{ command: "set server web/a weight 5" }] });
  });

  test("server lines of peers and ring are no servers", () => {
    const before = "peers p\n    server a 10.0.0.1:80\n";
    expect(because(diffConfigs(before, before.replace(":80", ":81"), V26))).toContain("peers p (line 2)");
  });
});
