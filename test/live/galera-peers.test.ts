import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Connection, createConnection } from "mysql2/promise";
import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type GaleraNode, startGalera } from "../support/galera.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import {
  clients,
  FRONT_PORT,
  nodesIn,
  peersStage,
  type StageHaproxy,
  statusOf,
  switchTo,
  TAG,
  untilAllOn,
  untilConnected,
} from "../support/peers-stage.ts";
import { folderWith, startProgram, untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";

const AGENT_PORT = 21_999;

/** Each its own: a conflict would be an error too. */
let rows = 1;
let nodes: readonly GaleraNode[];
let haproxies: readonly StageHaproxy[];

beforeAll(async () => {
  nodes = await startGalera();
  const agent = `${await loopbackPrefix()}.1`;
  await startChecker(agent);
  const stage = await peersStage({ nodes: nodes.map(({ server }) => server), agent: `${agent}:${AGENT_PORT}` });
  haproxies = [await stage.add("lb1"), await stage.add("lb2"), await stage.add("lb3")];
  await untilConnected(haproxies, 2);
  await untilUp();
}, 90_000);

async function startChecker(agent: string): Promise<void> {
  const dir = folderWith({ "db.conf": `[${TAG}]\nuser = monitor\npassword = monitor\n` });
  const config = join(dir, "checkers.toml");
  const servers = nodes.map(({ server }) => `"${server}"`).join(", ");
  writeFileSync(
    config,
    `store = "none"
state-dir = "${dir}/state"
[agent]
port = ${AGENT_PORT}
bind = "${agent}"
[[checker]]
kind = "galera"
tag = "${TAG}"
conf = "db.conf"
server = [${servers}]
require-writable = true
donor = "always"
interval = "200ms"
`,
  );
  await untilLogged(startProgram("checkers", ["--config", config]), /checking/);
}

/** Every HAProxy has heard of the agent that every node is well. */
function untilUp(): Promise<boolean> {
  return eventually(
    "all nodes are up everywhere",
    async () => {
      for (const { cli } of haproxies) {
        const stat = await cli(`show stat ${TAG} 4 -1`);
        if ((stat.match(/,UP,/g) ?? []).length !== 3 || (stat.match(/,L7OK,/g) ?? []).length !== 3) return false;
      }
      return true;
    },
    30_000,
  );
}

/** A client through this HAProxy. */
async function connect({ front }: StageHaproxy): Promise<Connection> {
  const client = await createConnection({ host: front, port: FRONT_PORT, user: "admin", password: "admin" });
  client.on("error", () => {});
  return client;
}

/** The node that a client reaches. */
async function nodeOf(client: Connection): Promise<string> {
  const [rows] = await client.query("SELECT CONCAT(@@bind_address, ':', @@port) AS node");
  return (rows as { node: string }[])[0]?.node ?? "";
}

async function answer(haproxy: StageHaproxy): Promise<string> {
  const client = await connect(haproxy);
  try {
    return await nodeOf(client);
  } finally {
    client.destroy();
  }
}

const answers = () => Promise.all(haproxies.map(answer));

async function expectAgreement(node: string): Promise<void> {
  await untilAllOn(haproxies, node);
  expect(await answers()).toEqual([node, node, node]);
  // Whoever came last is connected with the others some seconds later.
  await eventually(`peers status ends with 0, for ${node}`, async () => {
    const { code, stdout } = await statusOf(haproxies);
    return code === 0 && stdout.includes(`all 3 agree on ${node}`);
  });
}

/** A client with a transaction that has written, and when it is cut. */
async function inTransaction(haproxy: StageHaproxy) {
  const client = await connect(haproxy);
  releaseLater("a client", () => client.destroy());
  const cut = new Promise<void>((resolve) => client.on("error", () => resolve()));
  await client.query("BEGIN");
  await client.query("INSERT INTO t.g VALUES (?)", [rows++]);
  return { node: await nodeOf(client), cut };
}

/** A client that writes all the time, each time in a transaction, and connects again after an error. */
function writingClient(haproxy: StageHaproxy) {
  const seen = { writes: 0, errors: 0, node: "" };
  let going = true;
  const session = async () => {
    const client = await connect(haproxy);
    try {
      while (going) {
        await client.query("BEGIN");
        await client.query("INSERT INTO t.g VALUES (?)", [rows++]);
        seen.node = await nodeOf(client);
        await client.query("COMMIT");
        seen.writes += 1;
      }
    } finally {
      client.destroy();
    }
  };
  const running = (async () => {
    while (going) {
      await session().catch(() => {
        seen.errors += 1;
      });
    }
  })();
  const end = () => {
    going = false;
    return running;
  };
  releaseLater("a writing client", end);
  return { seen, end };
}

describe("three HAProxies before three nodes", () => {
  let second: string;

  test("the first in order is the writer of all of them", async () => {
    await answer(haproxies[0] as StageHaproxy);
    await expectAgreement(nodes[0]?.server ?? "");
  });

  test("the writer is killed: open transactions are cut, and all are on the same next one", async () => {
    const [first, next] = nodes;
    const open = await Promise.all(haproxies.map(inTransaction));
    expect(open.map(({ node }) => node)).toEqual(haproxies.map(() => first?.server));
    await first?.kill();
    await Promise.all(open.map(({ cut }) => cut));
    await eventually("clients are served again", async () => (await answers()).every((node) => node === next?.server));
    second = next?.server ?? "";
    const { stdout } = await statusOf(haproxies);
    expect(stdout).toContain(`all 3 agree on ${second}`);
  });

  test("it is back, and nobody goes back to it", async () => {
    await nodes[0]?.restart();
    await untilUp();
    await expectAgreement(second);
  });

  test.each(["reload", "restart", "kill"] as const)(
    "a %s of an HAProxy, its clients coming all the while",
    async (how) => {
      const [one] = haproxies as readonly [StageHaproxy];
      const crowd = clients(one, answer);
      if (how === "reload") await one.reload();
      if (how === "kill") await one.kill();
      if (how !== "reload") await one.restart();
      await untilConnected(haproxies, 2);
      expect(nodesIn(await crowd.end())).toEqual([second]);
      await untilUp();
      await expectAgreement(second);
    },
  );

  test("a writer that lives and takes no writes any more is left by all, its clients are cut", async () => {
    const writer = nodes.find(({ server }) => server === second);
    const open = await Promise.all(haproxies.map(inTransaction));
    await writer?.sql("SET GLOBAL read_only=1");
    await Promise.all(open.map(({ cut }) => cut));
    const first = nodes[0]?.server ?? "";
    await eventually("all are on another one", async () => (await answers()).every((node) => node === first));
    await writer?.sql("SET GLOBAL read_only=0");
    await untilUp();
    await expectAgreement(first);
  });

  test("another writer by hand, under load: each client has one error at the most, and writes on the new one then", async () => {
    const target = nodes[2]?.server ?? "";
    const crowd = haproxies.flatMap((haproxy) => Array.from({ length: 4 }, () => writingClient(haproxy)));
    await eventually("all of them write", () => crowd.every(({ seen }) => seen.writes > 20));
    const { code, stdout, stderr } = await switchTo(haproxies, target);
    expect([code, stderr], stdout).toEqual([0, ""]);
    const after = crowd.map(({ seen }) => seen.writes);
    await eventually("all of them write again", () =>
      crowd.every(({ seen }, at) => seen.writes > (after[at] ?? 0) + 20),
    );
    await Promise.all(crowd.map(({ end }) => end()));
    expect(crowd.filter(({ seen }) => seen.errors > 1)).toEqual([]);
    expect([...new Set(crowd.map(({ seen }) => seen.node))]).toEqual([target]);
    await expectAgreement(target);
  });
});
