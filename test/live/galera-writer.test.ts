import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { askOnce } from "../support/agent-client.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type GaleraNode, startGalera } from "../support/galera.ts";
import { followHistory, type KvHistory } from "../support/kv-history.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";

/** The built `checkers`, a real Consul, three real nodes. Each test leaves all three synced and writable, but for the last. */

const AGENT_PORT = 21_998;
const LOGIN = { CONFD_HAPROXY_USER: "monitor", CONFD_HAPROXY_PASSWORD: "monitor" };

/** One tag for each way to treat a donor, one that removes its entry, and the list for readers. */
const TAGS = {
  last: 'publish = "writer"',
  never: 'publish = "writer"\ndonor = "never"',
  always: 'publish = "writer"\ndonor = "always"',
  remove: 'publish = "writer"\ndonor = "never"\nfallback = "remove"',
  all: 'publish = "all"',
} as const;
type Tag = keyof typeof TAGS;
const WRITERS = ["last", "never", "always", "remove"] as const satisfies readonly Tag[];

type Three = readonly [GaleraNode, GaleraNode, GaleraNode];

let consul: Consul;
let nodes: Three;
let program: Launched;
let agentHost: string;

beforeAll(async () => {
  const [a, b, c] = await startGalera();
  if (a === undefined || b === undefined || c === undefined) throw new Error("three were asked for");
  nodes = [a, b, c];
  consul = await startConsul();
  agentHost = `${await loopbackPrefix()}.1`;
  const servers = nodes.map(({ server }) => `"${server}"`).join(", ");
  const tables = Object.entries(TAGS).map(
    ([tag, more]) => `[[checker]]\nkind = "galera"\ntag = "${tag}"\nserver = [${servers}]\n${more}\n`,
  );
  const dir = folderWith({
    "checkers.toml": `consul = "${consul.address}:${consul.port}"
[agent]
port = ${AGENT_PORT}
bind = "${agentHost}"
[defaults]
interval = "200ms"
${tables.join("")}`,
  });
  program = startProgram(
    "checkers",
    ["--config", join(dir, "checkers.toml"), "--state-dir", join(dir, "state")],
    LOGIN,
  );
}, 60_000);

const keyOf = (tag: string) => `haproxy/galera/${tag}`;

interface Entry {
  readonly host: string;
  readonly proxyport: number;
  readonly servers?: readonly { readonly host: string }[];
}

const entryOf = (value: string | undefined) => (value === undefined ? undefined : (JSON.parse(value) as Entry));
const published = async (tag: Tag) => entryOf(await consul.kv.get(keyOf(tag)));

/** The addresses of an entry, in order; none: there is no entry. */
async function addresses(tag: Tag): Promise<readonly string[]> {
  const entry = await published(tag);
  if (entry === undefined) return [];
  return (entry.servers ?? [entry]).map(({ host }) => host).sort();
}

/** What the agent says of a node, in a line. */
async function said(tag: Tag, { server }: GaleraNode): Promise<string> {
  return (await askOnce({ host: agentHost, port: AGENT_PORT }, `galera/${tag}/${server}\n`)).trim();
}

async function explained(what: string, predicate: () => Promise<boolean>): Promise<void> {
  try {
    await eventually(what, predicate);
  } catch (error) {
    throw new Error(`${what}: not so; the log was\n${program.stderr()}`, { cause: error });
  }
}

function untilEntry(tag: Tag, ...expected: readonly GaleraNode[]): Promise<void> {
  const wanted = expected.map(({ address }) => address).sort();
  return explained(
    `${tag} is ${wanted.join() || "absent"}`,
    async () => (await addresses(tag)).join() === wanted.join(),
  );
}

async function untilWriters(node: GaleraNode): Promise<void> {
  for (const tag of WRITERS) await untilEntry(tag, node);
}

function untilSaid(tag: Tag, node: GaleraNode, line: string): Promise<void> {
  return explained(`of ${node.address} in ${tag} is said: ${line}`, async () => (await said(tag, node)) === line);
}

/** Somebody else of the three is named: which one is ready first is chance on a busy machine. */
async function untilMoved(tag: Tag, from: GaleraNode): Promise<GaleraNode> {
  await explained(`${tag} has left ${from.address}`, async () => {
    const [host, ...more] = await addresses(tag);
    return host !== undefined && more.length === 0 && host !== from.address;
  });
  const host = (await published(tag))?.host;
  const found = nodes.find(({ address }) => address === host);
  if (found === undefined) throw new Error(`nobody has the address ${host}`);
  return found;
}

/** All entries as they are, to see later that none has moved. */
const writersNow = () => Promise.all(WRITERS.map((tag) => consul.kv.get(keyOf(tag))));

const UP = "up";

/** All are well, and each tag begins with the first in order. */
async function allWell(): Promise<Three> {
  for (const tag of ["all", ...WRITERS] as const) {
    for (const node of nodes) await untilSaid(tag, node, UP);
  }
  await untilEntry("all", ...nodes);
  for (const tag of WRITERS) await consul.kv.delete(keyOf(tag));
  await untilWriters(nodes[0]);
  return nodes;
}

/**
 * The one that came back is well and has no tag. Who gave it what it missed was a donor for a moment, and may have been the
 * writer: only with `--donor always` is it certain that nothing moved.
 */
async function neverAgain(node: GaleraNode, heir: Entry | undefined): Promise<void> {
  for (const tag of WRITERS) {
    await untilSaid(tag, node, UP);
    expect(await addresses(tag)).not.toContain(node.address);
  }
  expect(await published("always")).toEqual(heir);
}

const others = (node: GaleraNode) => nodes.filter((one) => one !== node);

describe("the writer of three nodes, as an entry and on the agent port", () => {
  test("that is killed is replaced by one other, and does not get its place back", async () => {
    const [a, b] = await allWell();
    await a.kill();
    for (const tag of WRITERS) await untilMoved(tag, a);
    await untilEntry("all", ...others(a));
    await untilSaid("last", a, "down #connection refused");
    const heir = await published("always");
    await explained("the others have noticed", async () => {
      const [row] = await b.sql("SHOW STATUS LIKE 'wsrep_cluster_size'");
      return row?.["Value"] === "2";
    });
    await a.restart();
    await untilEntry("all", ...nodes);
    await neverAgain(a, heir);
  });

  test("that gives all its data to another is left by the rule, and not come back to", async () => {
    const [a, b, c] = await allWell();
    await c.stop();
    await untilEntry("all", a, b);
    c.wipe();
    c.takeDataFrom(a);
    const lines = { last: new Set<string>(), never: new Set<string>(), always: new Set<string>() };
    const lists = new Set<string>();
    const back = c.restart();
    await explained("it is back", async () => {
      for (const tag of ["last", "never", "always"] as const) lines[tag].add(await said(tag, a));
      lists.add((await addresses("all")).join());
      return (await said("last", c)) === UP;
    });
    await back;
    for (const tag of ["last", "never", "remove"] as const) await untilEntry(tag, b);
    await untilEntry("always", a);
    expect([...lines.last]).toContain("down #donor/desynced");
    expect([...lines.never]).toContain("down #donor/desynced");
    expect([...lines.always]).toEqual([UP]);
    expect([...lists]).toContain(b.address);
    const after = await writersNow();
    await untilEntry("all", ...nodes);
    expect(await writersNow()).toEqual(after);
  });

  test("that is desynced by hand is left by the rule; with all of them desynced, never leaves the entry as it is", async () => {
    const [a] = await allWell();
    await a.sql("SET GLOBAL wsrep_desync=ON");
    const heir = await untilMoved("last", a);
    const strict = await untilMoved("never", a);
    await untilMoved("remove", a);
    await untilEntry("all", ...others(a));
    await untilSaid("last", a, "down #desynced by hand (wsrep_desync=ON)");
    await untilSaid("never", a, "down #desynced by hand (wsrep_desync=ON)");
    await untilSaid("always", a, UP);
    await untilEntry("always", a);
    // Known to be desynced before the last synced one is, so that this one is nobody's second choice.
    for (const node of others(a).filter((one) => one !== heir)) {
      await node.sql("SET GLOBAL wsrep_desync=ON");
      await untilSaid("last", node, "down #desynced by hand (wsrep_desync=ON)");
    }
    await heir.sql("SET GLOBAL wsrep_desync=ON");
    await untilEntry("remove");
    await untilSaid("never", strict, "down #desynced by hand (wsrep_desync=ON)");
    for (const node of nodes) await untilSaid("last", node, UP);
    await untilEntry("all", ...nodes);
    await untilEntry("last", heir);
    await untilEntry("never", strict);
    await untilEntry("always", a);
    for (const node of nodes) await node.sql("SET GLOBAL wsrep_desync=OFF");
    await explained("there is an entry again", async () => (await published("remove")) !== undefined);
  });

  test("that takes no writes any more is left, and goes on to be read from; the next that takes some is published", async () => {
    const [a, b, c] = await allWell();
    await a.sql("SET GLOBAL read_only=ON");
    for (const tag of WRITERS) await untilMoved(tag, a);
    await untilSaid("always", a, "down #takes no writes (read_only=ON)");
    expect(await said("all", a)).toBe(UP);
    await untilEntry("all", ...nodes);
    for (const node of [b, c]) await node.sql("SET GLOBAL read_only=ON");
    await untilEntry("remove");
    for (const node of nodes) await untilSaid("last", node, "down #takes no writes (read_only=ON)");
    // Nobody is left: it stays where it was.
    for (const tag of ["last", "never", "always"] as const) expect(await untilMoved(tag, a)).not.toBe(a);
    await a.sql("SET GLOBAL read_only=OFF");
    await untilWriters(a);
    for (const node of [b, c]) {
      await node.sql("SET GLOBAL read_only=OFF");
      await untilSaid("last", node, UP);
    }
    await untilWriters(a);
  });

  test("that a person names stays, though another is the first; one that is not healthy is put right at once", async () => {
    const [a, b, c] = await allWell();
    const name = (node: GaleraNode) =>
      consul.kv.put(
        keyOf("last"),
        JSON.stringify({ name: "last", host: node.address, port: node.port, proxyport: 13_302 }),
      );
    await name(c);
    // It has decided anew when it knows of something that came later.
    await a.sql("SET GLOBAL read_only=ON");
    await untilSaid("last", a, "down #takes no writes (read_only=ON)");
    expect(await addresses("last")).toEqual([c.address]);
    await name(a);
    await untilMoved("last", a);
    await a.sql("SET GLOBAL read_only=OFF");
    for (const node of [a, b, c]) await untilSaid("last", node, UP);
    expect(await addresses("last")).not.toContain(a.address);
  });

  test("that is cut off from the two others is left for one of them, and not come back to", async () => {
    const [a] = await allWell();
    await a.sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=1'");
    for (const tag of WRITERS) await untilMoved(tag, a);
    await untilEntry("all", ...others(a));
    expect(await said("last", a)).toMatch(/^down #(non-Primary component|outside of the cluster|not connected)/);
    const heir = await published("always");
    await a.sql("SET GLOBAL wsrep_provider_options='gmcast.isolate=0'");
    await untilEntry("all", ...nodes);
    await neverAgain(a, heir);
  });
});

interface Pair {
  readonly history: KvHistory;
  readonly leader: Launched;
  readonly follower: Launched;
  /** Another process of the tag; its proxyport tells who wrote an entry. */
  start(at: number, ...more: readonly string[]): Launched;
}

let pairs = 0;

/** Two processes on one tag that were not told `--ha`: the first one leads. */
async function startPair(more: readonly (readonly string[])[] = [[], []]): Promise<Pair> {
  const tag = `pair${pairs++}`;
  const start = (at: number, ...words: readonly string[]) =>
    startProgram(
      "checkers",
      [
        ...["galera", "--tag", tag, "--publish", "writer", "--server", nodes.map(({ server }) => server).join()],
        ...["--consul", `${consul.address}:${consul.port}`, "--interval", "200ms", "--proxyport", `${20_000 + at}`],
        ...words,
      ],
      LOGIN,
    );
  const history = followHistory(consul, keyOf(tag));
  const leader = start(0, ...(more[0] ?? []));
  await untilLogged(leader, /is published/);
  const follower = start(1, ...(more[1] ?? []));
  await untilLogged(follower, /standing by/);
  await history.caughtUp();
  return { history, leader, follower, start };
}

/** Each writer that the entry has named, with who wrote it. */
function moves({ history }: Pair): readonly { readonly host: string; readonly by: number }[] {
  const entries = history.versions.flatMap(({ value }) => entryOf(value) ?? []);
  return entries
    .map(({ host, proxyport }) => ({ host, by: proxyport - 20_000 }))
    .filter(({ host }, at) => host !== entries[at - 1]?.host);
}

/** Whether each thread of a process is stopped. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) =>
    / T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, "latin1").replace(/^.*\)/, "")),
  );
}

describe("two checkers that publish the writer of one tag", () => {
  test("the leader stands still while the writer fails: the other one moves it, and whoever wakes up moves nothing", async () => {
    const [a] = await allWell();
    const pair = await startPair();
    const { history, leader, follower } = pair;
    leader.pause();
    await eventually("all of its threads to stand still", () => isStopped(leader.pid));
    await a.sql("SET GLOBAL read_only=ON");
    await untilLogged(follower, /is for the leader to publish/);
    await history.caughtUp();
    expect(moves(pair)).toEqual([{ host: a.address, by: 0 }]);
    // Consul does the same 10 to 20 s after a holder fell silent.
    await consul.request(`/v1/session/destroy/${history.latest?.session}`, { method: "PUT" });
    await untilLogged(follower, /leads now[\s\S]*is published/);
    leader.resume();
    await untilLogged(leader, /does not lead any more[\s\S]*standing by/);
    await a.sql("SET GLOBAL read_only=OFF");
    await untilLogged(leader, new RegExp(`${a.server} is up again`));
    await untilLogged(follower, new RegExp(`${a.server} is up again`));
    await history.caughtUp();
    expect(moves(pair)).toEqual([
      { host: a.address, by: 0 },
      {
        host: expect.stringMatching(
          others(a)
            .map(({ address }) => address)
            .join("|"),
        ),
        by: 1,
      },
    ]);
  });

  test("the leader is killed: nobody writes before Consul has ended its session, then the other one does, once", async () => {
    const [a] = await allWell();
    const pair = await startPair();
    const { history, leader, follower } = pair;
    const session = history.latest?.session;
    await leader.kill();
    await a.sql("SET GLOBAL read_only=ON");
    await untilLogged(follower, /is for the leader to publish/);
    await eventually("the other one leads", () => /leads now/.test(follower.stderr()), 40_000);
    await untilLogged(follower, /leads now[\s\S]*is published/);
    await history.caughtUp();
    expect(moves(pair)).toEqual([
      { host: a.address, by: 0 },
      { host: expect.any(String), by: 1 },
    ]);
    expect(history.latest?.session).not.toBe(session);
    const again = pair.start(0);
    await untilLogged(again, /standing by/);
    await a.sql("SET GLOBAL read_only=OFF");
    await untilLogged(follower, new RegExp(`${a.server} is up again`));
    await history.caughtUp();
    expect(moves(pair)).toHaveLength(2);
  }, 90_000);

  test("that see a node differently: the leader's word counts, until the other one leads", async () => {
    const [a] = await allWell();
    const pair = await startPair([
      ["--donor", "always"],
      ["--donor", "never"],
    ]);
    const { history, leader, follower } = pair;
    await a.sql("SET GLOBAL wsrep_desync=ON");
    await untilLogged(follower, /desynced by hand[\s\S]*is for the leader to publish/);
    await history.caughtUp();
    expect(moves(pair)).toEqual([{ host: a.address, by: 0 }]);
    expect((await leader.stop()).code).toBe(0);
    await untilLogged(follower, /leads now[\s\S]*is published/);
    const again = pair.start(0, "--donor", "always");
    await untilLogged(again, /standing by/);
    await history.caughtUp();
    expect(moves(pair)).toEqual([
      { host: a.address, by: 0 },
      { host: expect.any(String), by: 1 },
    ]);
    await a.sql("SET GLOBAL wsrep_desync=OFF");
  });
});

test("a kind whose servers do not all take writes has no writer to publish", async () => {
  const words = ["memcached", "--tag", "m", "--server", "127.0.0.1:1", "--publish", "writer"];
  const { code, stderr } = await runProgram("checkers", words);
  expect(code).toBe(2);
  expect(stderr).toBe(
    "error[E_USAGE] --publish writer is for clusters of which every node takes writes (galera), not for memcached\n",
  );
});

test("two of three are killed: nobody is left, the entry stays or is removed as was said, until one is made primary", async () => {
  const [a, b, c] = await allWell();
  for (const node of [b, c]) await node.kill();
  await untilSaid("last", a, "down #non-Primary component: it has no quorum");
  await untilEntry("remove");
  for (const tag of ["last", "never", "always"] as const) await untilEntry(tag, a);
  await untilEntry("all", a);
  await a.sql("SET GLOBAL wsrep_provider_options='pc.bootstrap=1'");
  await untilSaid("last", a, UP);
  await untilWriters(a);
});
