import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Connection, createConnection } from "mysql2/promise";
import { beforeAll, describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { type GaleraNode, startGalera } from "../support/galera.ts";
import { type Haproxy, haproxyPlace, startHaproxy } from "../support/haproxy.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { startProgram, untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Of the tag; the nodes' port and 10000. */
const PROXY_PORT = 13_302;

const ROOT = join(import.meta.dirname, "../..");

let nodes: readonly GaleraNode[];
let door: string;
let haproxy: Haproxy;
let checkers: Launched;
let readWriter: () => Promise<string | undefined>;
let reloads: string;

/** The shipped resource with the shipped templates; of it only paths and commands are other ones. */
function shippedConfdir(place: {
  readonly configPath: string;
  readonly socket: string;
  readonly masterSocket: string;
}) {
  const confdir = tempDir("confdir");
  cpSync(join(ROOT, "templates"), join(confdir, "templates"), { recursive: true });
  const shipped = readFileSync(join(ROOT, "conf.d/haproxy.toml"), "utf8");
  const text = shipped
    .replace("/etc/haproxy/haproxy.cfg", place.configPath)
    .replace(
      "systemctl reload-or-restart haproxy",
      `echo reload >> ${reloads}; kill -USR2 $(cat ${place.configPath}.pid)`,
    )
    .replace("/run/haproxy/admin.sock", place.socket)
    .replace("/run/haproxy-master.sock", place.masterSocket);
  mkdirSync(join(confdir, "conf.d"));
  writeFileSync(join(confdir, "conf.d/haproxy.toml"), text);
  return confdir;
}

beforeAll(async () => {
  nodes = await startGalera();
  const consul = await startConsul();
  door = `${await loopbackPrefix()}.1`;
  const store = `${consul.address}:${consul.port}`;
  checkers = startProgram(
    "checkers",
    [
      ...["galera", "--tag", "w", "--publish", "writer", "--interval", "200ms", "--consul", store],
      ...["--server", nodes.map(({ server }) => server).join()],
    ],
    { CONFD_HAPROXY_USER: "monitor", CONFD_HAPROXY_PASSWORD: "monitor" },
  );
  readWriter = async () => {
    const value = await consul.kv.get("haproxy/galera/w");
    return value === undefined ? undefined : (JSON.parse(value) as { host: string }).host;
  };
  await eventually("there is a writer", readWriter);
  const place = haproxyPlace();
  reloads = join(place.dir, "reloads");
  const env = { HAPROXY_BIND: door, HAPROXY_STATS_BIND: door, HAPROXY_SOCKET: place.socket, HAPROXY_USER: "-" };
  const words = ["--confdir", shippedConfdir(place), "--state-dir", tempDir("state"), "--consul", store];
  // HAProxy begins with what a first render makes.
  await startProgram("render", ["--onetime", "--sync-only", ...words], env).exited;
  haproxy = await startHaproxy({ place, masterWorker: true });
  writeFileSync(`${place.configPath}.pid`, String(haproxy.pid));
  const render = startProgram("render", ["--watch", ...words], env);
  // The file of before was applied by nobody that render knows of.
  await untilLogged(render, /reloaded/);
}, 60_000);

async function connect(): Promise<Connection> {
  const connection = await createConnection({ host: door, port: PROXY_PORT, user: "admin", password: "admin" });
  // It is to be cut.
  connection.on("error", () => {});
  releaseLater("client", () => connection.destroy());
  return connection;
}

async function answererOf(connection: Connection): Promise<string> {
  const [rows] = await connection.query("SELECT @@wsrep_node_address AS address");
  return (rows as { address: string }[])[0]?.address ?? "";
}

async function whoAnswers(): Promise<string> {
  const connection = await connect();
  try {
    return await answererOf(connection);
  } finally {
    connection.destroy();
  }
}

/** What a client has begun and not committed. */
async function openTransaction(row: number): Promise<Connection> {
  const connection = await connect();
  await connection.query("BEGIN");
  await connection.query("INSERT INTO t.g VALUES (?)", [row]);
  return connection;
}

/** The connection has ended without an answer of the server: its transaction can only be rolled back. */
async function untilCut(connection: Connection): Promise<void> {
  const code = await connection.query("SELECT SLEEP(30)").then(
    () => "an answer",
    (error: unknown) => (error as { code?: string }).code,
  );
  expect(["PROTOCOL_CONNECTION_LOST", "ECONNRESET", "EPIPE"]).toContain(code);
}

function nodeAt(address: string | undefined): GaleraNode {
  const found = nodes.find((node) => node.address === address);
  if (found === undefined) throw new Error(`nobody has the address ${address}`);
  return found;
}

/** HAProxy sends new clients to the writer of the entry, which is not this one; who that is. */
async function untilFollowed(before: GaleraNode): Promise<GaleraNode> {
  const address = await eventually(`another than ${before.address} answers`, async () => {
    const [entry, answers] = [await readWriter(), await whoAnswers()];
    return entry !== before.address && entry === answers && answers;
  });
  return nodeAt(address);
}

/** The first one of all was at the start. */
const reloadCount = () => readFileSync(reloads, "utf8").split("\n").length - 2;

async function rowsOf(node: GaleraNode, row: number): Promise<number> {
  return (await node.sql(`SELECT i FROM t.g WHERE i = ${row}`)).length;
}

describe("HAProxy with the shipped conf.d/haproxy.toml follows the writer's entry", () => {
  test("its section ends the sessions to a server that is down", () => {
    const [, section = ""] = readFileSync(haproxy.configPath, "utf8").split(/^listen w$/m);
    expect(section).toMatch(/^ {4}server w-galera \S+ .*on-marked-down shutdown-sessions/m);
  });

  test("a writer that takes no writes any more, and that HAProxy itself sees up: open transactions are cut, without a reload", async () => {
    const before = nodeAt(await eventually("it answers", whoAnswers));
    const client = await openTransaction(901);
    const cut = untilCut(client);
    await before.sql("SET GLOBAL read_only=ON");
    await cut;
    const after = await untilFollowed(before);
    expect(await rowsOf(after, 901)).toBe(0);
    expect(reloadCount()).toBe(0);
    await before.sql("SET GLOBAL read_only=OFF");
  });

  test("a writer that is killed: open transactions are cut, and who comes back gets no client", async () => {
    const before = nodeAt(await eventually("it answers", whoAnswers));
    const [other] = nodes.filter((node) => node !== before);
    const client = await openTransaction(902);
    const cut = untilCut(client);
    await before.kill();
    await cut;
    const after = await untilFollowed(before);
    expect(await rowsOf(after, 902)).toBe(0);
    await eventually("the others have noticed", async () => {
      const [row] = (await other?.sql("SHOW STATUS LIKE 'wsrep_cluster_size'")) ?? [];
      return row?.["Value"] === "2";
    });
    await before.restart();
    await eventually("it is back", async () => (await before.stateWord()) === "Synced");
    await untilLogged(checkers, new RegExp(`${before.server} is up again`), checkers.stderr().lastIndexOf("is down"));
    expect(await whoAnswers()).not.toBe(before.address);
    expect(reloadCount()).toBe(0);
  });
});
