import { connect, createServer } from "node:net";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { diffConfigs } from "../../src/haproxy/differ.ts";
import type { Difference, HaproxyFacts } from "../../src/haproxy/difference.ts";
import { parseVersion } from "../../src/haproxy/facts.ts";
import { serversOf } from "../../src/haproxy/servers.ts";
import { eventually } from "../support/eventually.ts";
import { type Haproxy, type HaproxyPlace, haproxyHead, haproxyPlace, startHaproxy } from "../support/haproxy.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { serverStats } from "../support/haproxy-stat.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { releaseLater } from "../support/releases.ts";

let prefix = "";

beforeAll(async () => {
  prefix = await loopbackPrefix();
  for (const [host, port] of [
    [7, 91],
    [7, 99],
    [8, 91],
    [8, 99],
  ] as const)
    await listen(`${prefix}.${host}`, port);
});

/** Sections of a configuration; `N` stands for the test's prefix, `OWN` for an address of one HAProxy alone. */
type Sections = string;

/** Checks and agents are asked once at the start, and then not for an hour. */
const REST = "inter 1h fastinter 1h agent-inter 1h";
/** A check that succeeds: somebody listens there. */
const CHECK = "check addr N.8 port 91";

const BASE: Sections = `listen web
    bind OWN:20001
    balance roundrobin
    default-server ${REST}
    server a N.9:101 weight 10 maxconn 5 ${CHECK}
    server b N.9:102 agent-check agent-addr N.8 agent-port 92 agent-send hi
    server c N.9:103 disabled
    server d N.9:104
    server e localhost:105
listen empty
    bind OWN:20002
    balance random
    default-server ${REST} ${CHECK} weight 3
    # nothing
listen last
    bind OWN:20003
    balance leastconn
    default-server ${REST} maxconn 30
    server x N.9:101
    server y N.9:102 backup
`;

const EDITS: readonly (readonly [what: string, from: string, to: string])[] = [
  ["an address", "a N.9:101", "a N.7:101"],
  ["a port", "a N.9:101", "a N.9:111"],
  ["an address and a port", "a N.9:101", "a N.7:111"],
  ["an IPv6 address for an IPv4 one", "a N.9:101", "a [::1]:101"],
  ["an address for a name", "e localhost:105", "e N.7:106"],
  [
    "two servers that change places",
    "a N.9:101 weight 10 maxconn 5 check addr N.8 port 91\n    server b N.9:102",
    "a N.9:102 weight 10 maxconn 5 check addr N.8 port 91\n    server b N.9:101",
  ],
  ["a weight", "weight 10", "weight 200"],
  ["a weight of zero", "weight 10", "weight 0"],
  ["a weight no longer said", "weight 10 ", ""],
  ["a maxconn", "maxconn 5", "maxconn 7"],
  ["a maxconn no longer said", "maxconn 5 ", ""],
  ["a first maxconn", "d N.9:104", "d N.9:104 maxconn 3"],
  ["maintenance", "d N.9:104", "d N.9:104 disabled"],
  ["the end of maintenance", "c N.9:103 disabled", "c N.9:103"],
  ["maintenance of a server with an agent", "agent-send hi", "agent-send hi disabled"],
  ["where it is checked", "addr N.8 port 91", "addr N.7 port 91"],
  ["the port of its check", "port 91", "port 99"],
  ["both of them", "addr N.8 port 91", "addr N.7 port 99"],
  ["where its agent is", "agent-addr N.8", "agent-addr ::1"],
  ["the port of its agent", "agent-port 92", "agent-port 99"],
  ["both of these", "agent-addr N.8 agent-port 92", "agent-addr N.7 agent-port 99"],
  ["what its agent is told", "agent-send hi", "agent-send ho"],
  ["a server more", "    server d", "    server n N.9:110\n    server d"],
  [
    "one with all that can be said",
    "    server d",
    "    server n N.9:110 check addr N.8 port 91 weight 9 maxconn 4 maxqueue 3 send-proxy agent-check agent-port 97 agent-addr N.8 agent-send x rise 3 downinter 1h on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n    server d",
  ],
  [
    "one with the PROXY protocol, checked elsewhere",
    "    server d",
    "    server n N.9:110 send-proxy-v2 check addr N.8 port 91 check-send-proxy\n    server d",
  ],
  ["one at an IPv6 address", "    server d", "    server n [::1]:110\n    server d"],
  ["one out of service", "    server d", "    server n N.9:110 disabled\n    server d"],
  ["the first server of a section", "    # nothing", "    server n N.9:110"],
  ["a backup server", "    server y N.9:102 backup", "    server y N.9:102 backup\n    server z N.9:103 backup"],
  ["a server less", "    server d N.9:104\n", ""],
  ["one with an agent less", "    server b N.9:102 agent-check agent-addr N.8 agent-port 92 agent-send hi\n", ""],
  ["one out of service less", "    server c N.9:103 disabled\n", ""],
  ["another name", "server d N.9:104", "server dd N.9:104"],
  [
    "the order",
    "    server c N.9:103 disabled\n    server d N.9:104\n",
    "    server d N.9:104\n    server c N.9:103 disabled\n",
  ],
];

describe.each(haproxyBinaries())("HAProxy, $version", ({ binary }) => {
  test.each(EDITS)("%s: as one that was started on the new file", async (_, from, to) => {
    expect(BASE).toContain(from);
    const haproxy = await start(binary, BASE);
    await bring({ haproxy, binary }, BASE, BASE.replace(from, to));
  });

  test("any edits one after another, each as one that was started on the file", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sections, { minLength: 8, maxLength: 8 }), async (files) => {
        const haproxy = await start(binary, files[0] ?? "");
        for (const [at, after] of files.slice(1).entries()) await bring({ haproxy, binary }, files[at] ?? "", after);
        await haproxy.stop();
      }),
      { numRuns: 3, endOnFailure: true },
    );
  }, 60_000);

  test("a change that is given twice is done twice", async () => {
    const haproxy = await start(binary, BASE);
    const after = BASE.replace("a N.9:101", "a N.7:111");
    const difference = await compared(haproxy, BASE, after);
    await give(haproxy, difference);
    await give(haproxy, difference);
  });

  test("what was done is undone by its commands in the order backwards", async () => {
    const haproxy = await start(binary, BASE);
    const untouched = await standing(haproxy);
    const after = BASE.replace(
      "a N.9:101 weight 10 maxconn 5 check addr N.8",
      "a [::1]:111 weight 20 maxconn 8 check addr N.7",
    )
      .replace("c N.9:103 disabled", "c N.9:103")
      .replace("agent-addr N.8 agent-port 92 agent-send hi", "agent-addr N.7 agent-port 93 agent-send ho")
      .replace("    # nothing", "    server n N.9:110 agent-check agent-port 9");
    const difference = await compared(haproxy, BASE, after);
    await give(haproxy, difference);
    await eventually("it has changed", async () => !isDeepStrictEqual(await standing(haproxy), untouched));
    const undos = difference.how === "runtime" ? difference.steps.toReversed().map(({ undo }) => undo) : [];
    for (const undo of undos) if (undo !== undefined) await haproxy.cli(undo);
    await eventually("it is as it was", async () => isDeepStrictEqual(await standing(haproxy), untouched));
  });

  test("a step that HAProxy does not take is seen by its answer", async () => {
    const haproxy = await start(binary, BASE);
    const other = BASE.replaceAll("web", "elsewhere").replaceAll("    server ", "    server no-");
    const after = other
      .replace("no-a N.9:101 weight 10", "no-a N.7:101 weight 20")
      .replace("    server no-d N.9:104\n", "");
    const difference = await compared(haproxy, other, after);
    expect(difference).toMatchObject({ how: "runtime" });
    for (const { command, isDone } of difference.how === "runtime" ? difference.steps : []) {
      expect([command, isDone(await haproxy.cli(command))]).toEqual([command, false]);
    }
  });

  test("connections go to the server that was added, and to the new place of the one that moved", async () => {
    for (const host of [1, 2, 3]) await listen(`${prefix}.${100 + host}`, 7);
    const file = (server: string) => `listen web\n    bind OWN:20001\n    balance leastconn\n    ${server}\n`;
    const moved = "server a N.102:7 check inter 100ms maxconn 5";
    const added = "server b N.103:7 check inter 100ms maxconn 5";
    const haproxy = await start(binary, file("server a N.101:7 check inter 100ms maxconn 5"));
    expect(await answer(haproxy)).toBe(`${prefix}.101:7`);
    await bring({ haproxy, binary }, file("server a N.101:7 check inter 100ms maxconn 5"), file(moved));
    expect(await answer(haproxy)).toBe(`${prefix}.102:7`);
    await bring({ haproxy, binary }, file(moved), file(added));
    expect(await answer(haproxy)).toBe(`${prefix}.103:7`);
  });
});

const OWN_ADDRESSES = new Map<string, string>();
let addresses = 0;

function own({ dir }: Pick<HaproxyPlace, "dir">): string {
  const address = OWN_ADDRESSES.get(dir) ?? `${prefix}.${10 + (addresses++ % 60)}`;
  OWN_ADDRESSES.set(dir, address);
  return address;
}

/** The file for one HAProxy. */
function fileFor(place: HaproxyPlace, text: Sections): string {
  return `${haproxyHead(place)}${text}`.replaceAll("OWN", own(place)).replaceAll("N.", `${prefix}.`);
}

function start(binary: string, text: Sections): Promise<Haproxy> {
  return startHaproxy({ binary, place: haproxyPlace(), config: (place) => fileFor(place, text) });
}

async function compared(haproxy: Haproxy, before: Sections, after: Sections): Promise<Difference> {
  const facts: HaproxyFacts | undefined = parseVersion(await haproxy.cli("show info"));
  if (facts === undefined) throw new Error("no version");
  return diffConfigs(fileFor(haproxy, before), fileFor(haproxy, after), facts);
}

async function give(haproxy: Haproxy, difference: Difference): Promise<void> {
  if (difference.how === "reload") throw new Error(difference.because.join("; "));
  for (const { command, isDone } of difference.how === "runtime" ? difference.steps : []) {
    const reply = await haproxy.cli(command);
    expect([command, reply, isDone(reply.trim())]).toEqual([command, reply, true]);
  }
}

/** A HAProxy, and what to start another one like it with. */
interface Running {
  readonly haproxy: Haproxy;
  readonly binary: string;
}

/** Brings a running HAProxy to a new file by commands alone, and compares it with one that was started on that file. */
async function bring({ haproxy, binary }: Running, before: Sections, after: Sections): Promise<void> {
  await give(haproxy, await compared(haproxy, before, after));
  const fresh = await startHaproxy({
    binary,
    place: haproxyPlace(),
    config: (place) => fileFor(place, after),
  });
  const expected = await standing(fresh);
  await fresh.stop();
  // 3.0 answers to a new address before it has taken it.
  await eventually("it stands as one that was started on the file", async () => {
    expect(await standing(haproxy)).toEqual(expected);
    return true;
  });
  expect(told(expected)).toEqual(said(fileFor(haproxy, after)));
}

/** A bit of srv_admin_state that says that a maintenance came from the file: it stays when the maintenance has ended. */
const FROM_FILE = 4;

/** What matters of `show servers state` and `show stat`, by server. */
async function standing(haproxy: Haproxy): Promise<Record<string, Record<string, string>>> {
  const [, head = "", ...rows] = (await haproxy.cli("show servers state")).split("\n");
  const columns = head.slice(2).split(" ");
  const found: Record<string, Record<string, string>> = {};
  for (const row of rows) {
    const state = Object.fromEntries(row.split(" ").map((cell, at) => [columns[at] ?? "", cell]));
    const [backend = "", server = ""] = [state["be_name"], state["srv_name"]];
    const stat = (await serverStats(haproxy, backend)).get(server) ?? {};
    found[`${backend}/${server}`] = { ...picked(state, STATES), ...picked(stat, STATS), ...settled(state, stat) };
  }
  return found;
}

const STATES = [
  "srv_addr",
  "srv_port",
  "srv_op_state",
  "srv_uweight",
  "srv_use_ssl",
  "srv_check_port",
  "srv_check_addr",
];
const STATS = ["slim", "qlimit", "bck", "act"];

/** What says the same in more than one way. */
function settled(state: Record<string, string>, stat: Readonly<Record<string, string>>): Record<string, string> {
  const admin = `${Number(state["srv_admin_state"]) & ~FROM_FILE}`;
  // The weight in use is reckoned anew when a maintenance ends.
  const weight = admin === "0" ? (stat["weight"] ?? "") : "";
  // Without an agent, `addr` and `port` of the file stand here, though nobody is asked there.
  const agent = state["srv_agent_state"] === "0" ? {} : picked(state, ["srv_agent_addr", "srv_agent_port"]);
  // "UP 1/3": it has not been asked yet.
  const isChecked = stat["check_status"] !== "";
  return { admin, weight, ...agent, status: stat["status"]?.replace(/ .*/, "") ?? "", check: isChecked ? "on" : "off" };
}

function picked(all: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, all[name] ?? ""]));
}

/** What our own reading of the file says, in the words of {@link told}; a name has no address of its own. */
function said(text: string): Record<string, unknown> {
  return Object.fromEntries(
    serversOf(text).map(({ backend, server, address = "127.0.0.1", port, weight, disabled }) => [
      `${backend}/${server}`,
      { address, port, weight, disabled },
    ]),
  );
}

function told(found: Record<string, Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(found).map(([path, { srv_addr: address, srv_port, srv_uweight, admin }]) => [
      path,
      { address, port: Number(srv_port), weight: Number(srv_uweight), disabled: admin === "1" },
    ]),
  );
}

const number = (max: number) => fc.integer({ min: 1, max });
const optional = (keyword: string, max: number) =>
  fc
    .option(fc.integer({ min: 0, max }), { nil: undefined })
    .map((value) => (value === undefined ? "" : ` ${keyword} ${value}`));
const line = fc
  .tuple(number(5), number(5), optional("weight", 256), optional("maxconn", 20), fc.constantFrom("", " disabled"))
  .map(([host, port, ...words]) => `N.${host}:${port}${words.join("")}`);
const servers = fc
  .dictionary(fc.constantFrom("a", "b", "c", "d", "e"), line, { maxKeys: 5 })
  .map((all) => Object.entries(all).map(([name, words]) => `    server ${name} ${words}\n`));

/** Any three sections with any servers. */
const sections: fc.Arbitrary<Sections> = fc.tuple(servers, servers, servers).map((all) =>
  all
    .map((lines, at) => {
      const balance = ["roundrobin", "leastconn", "random"][at];
      const head = `listen l${at}\n    bind OWN:2000${at}\n    balance ${balance}\n    default-server ${REST} ${CHECK} weight 7\n`;
      return head + lines.join("");
    })
    .join(""),
);

/** A server that says where it is to whoever connects. */
async function listen(address: string, port: number): Promise<void> {
  const name = `${address}:${port}`;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(name);
  });
  server.listen(port, address);
  await eventually(`${name} is listened on`, () => server.listening);
  releaseLater(name, () => void server.close());
}

/** What the server that is reached says. */
function answer(haproxy: Haproxy): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(20_001, own(haproxy));
    let said = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      said += chunk;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(said));
  });
}
