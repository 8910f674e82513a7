import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { docBlocks, haproxyAccepts } from "../support/docs.ts";
import { eventually } from "../support/eventually.ts";
import { type GaleraNode, startGalera } from "../support/galera.ts";
import { type Haproxy, haproxyHead, startHaproxy } from "../support/haproxy.ts";
import { serverStat } from "../support/haproxy-stat.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { folderWith, runProgram, startProgram } from "../support/program.ts";

const AGENT_PORT = 21_999;

/** The whole program with two tags of the same nodes, and a HAProxy that asks its agent. */
interface Stage {
  readonly nodes: readonly [GaleraNode, GaleraNode, GaleraNode];
  readonly haproxy: Haproxy;
  readonly program: Launched;
  /** The address that is published as the one to write to. */
  writer(): string | undefined;
  /** The addresses of the list. */
  list(): readonly string[];
}

async function startStage(): Promise<Stage> {
  const host = `${await loopbackPrefix()}.1`;
  const [a, b, c] = await startGalera();
  if (a === undefined || b === undefined || c === undefined) throw new Error("three were asked for");
  const nodes = [a, b, c] as const;
  const servers = nodes.map(({ server }) => `"${server}"`).join(", ");
  const dir = folderWith({
    "db.conf": "[writer]\nuser = monitor\npassword = monitor\n[readers]\nuser = monitor\npassword = monitor\n",
  });
  const config = join(dir, "checkers.toml");
  writeFileSync(
    config,
    `store = "file:${dir}/store"
state-dir = "${dir}/state"
[agent]
port = ${AGENT_PORT}
bind = "${host}"
[defaults]
interval = "100ms"
[[checker]]
kind = "galera"
tag = "writer"
conf = "db.conf"
server = [${servers}]
require-writable = true
[[checker]]
kind = "galera"
tag = "readers"
conf = "db.conf"
server = [${servers}]
publish = "all"
`,
  );
  const program = startProgram("checkers", ["--config", config]);
  const haproxy = await startHaproxy({ config: (place) => haproxyHead(place) + backend(nodes, host) });
  const entry = (tag: string) => readEntry(join(dir, "store/haproxy/galera", tag));
  return {
    ...{ nodes, haproxy, program },
    writer: () => entry("writer").host,
    list: () => (entry("readers").servers ?? [entry("readers")]).map((server) => server.host ?? ""),
  };
}

function backend(nodes: readonly GaleraNode[], host: string): string {
  const asks = `agent-check agent-addr ${host} agent-port ${AGENT_PORT} agent-inter 100ms`;
  const lines = nodes.map(
    ({ address, server }) =>
      `    server ${address} ${server} weight 100 check inter 100ms ${asks} agent-send "galera/readers/${server}\\n"\n`,
  );
  return `    timeout check 10s\nbackend b\n${lines.join("")}`;
}

interface Entry {
  readonly host?: string;
  readonly servers?: readonly { readonly host: string }[];
}

function readEntry(path: string): Entry {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Entry) : {};
}

describe("three nodes with the whole program and HAProxy", () => {
  let stage: Stage;
  const untilWriter = (node: GaleraNode) =>
    explained(`${node.address} is the writer`, () => stage.writer() === node.address);
  /** Any of the others: the next in order may not have answered afresh on a busy machine. */
  const untilReplaced = async (node: GaleraNode) => {
    await explained(`another than ${node.address} is the writer`, () => stage.writer() !== node.address);
    return stage.writer();
  };
  const untilListed = (...nodes: readonly GaleraNode[]) =>
    explained(
      `${nodes.map(({ address }) => address).join(", ")} are listed`,
      () => stage.list().join() === nodes.map(({ address }) => address).join(),
    );
  const untilSeen = (node: GaleraNode, expected: Readonly<Record<string, string>>) =>
    explained(`${node.address} is ${JSON.stringify(expected)} in HAProxy`, async () => {
      const row = await serverStat(stage.haproxy, "b", node.address);
      return Object.entries(expected).every(([column, value]) => row[column] === value);
    });

  async function explained(what: string, predicate: () => boolean | Promise<boolean>): Promise<void> {
    try {
      await eventually(what, predicate);
    } catch (error) {
      throw new Error(`${what}: not so; the log was\n${stage.program.stderr()}`, { cause: error });
    }
  }

  // Each test leaves all three synced, and begins by asking for that.
  beforeAll(async () => {
    stage = await startStage();
  }, 60_000);

  async function allWell(): Promise<readonly [GaleraNode, GaleraNode, GaleraNode]> {
    await untilListed(...stage.nodes);
    for (const node of stage.nodes) await untilSeen(node, { status: "UP", agent_status: "L7OK" });
    return stage.nodes;
  }

  /** The one that is published, and the others in order. */
  function byRole(): readonly [GaleraNode, GaleraNode, GaleraNode] {
    const isWriter = ({ address }: GaleraNode) => address === stage.writer();
    return [...stage.nodes.filter(isWriter), ...stage.nodes.filter((node) => !isWriter(node))] as unknown as readonly [
      GaleraNode,
      GaleraNode,
      GaleraNode,
    ];
  }

  test("the first in order is the writer, all are listed, and HAProxy uses all of them", async () => {
    const [a] = await allWell();
    await untilWriter(a);
  });

  test("one that is desynced leaves the list and is down in HAProxy with the reason, until it is synced", async () => {
    const [a, b, c] = await allWell();
    await c.sql("SET GLOBAL wsrep_desync=ON");
    await untilListed(a, b);
    await untilSeen(c, {
      status: "DOWN (agent)",
      last_agt: "via agent : down (desynced by hand (wsrep_desync=ON))",
    });
    await c.sql("SET GLOBAL wsrep_desync=OFF");
    await allWell();
  });

  test("a writer that takes no writes any more is replaced, and goes on to be listed for readers", async () => {
    await allWell();
    const [writer, next] = byRole();
    await writer.sql("SET GLOBAL read_only=1");
    await untilWriter(next);
    expect(stage.list()).toContain(writer.address);
    await writer.sql("SET GLOBAL read_only=0");
  });

  test("a writer that is shut down is replaced at once and does not get its place back", async () => {
    await allWell();
    const [writer, next, other] = byRole();
    await writer.stop();
    const heir = await untilReplaced(writer);
    await untilListed(...stage.nodes.filter((node) => node === next || node === other));
    await writer.restart();
    await allWell();
    expect(stage.writer()).toBe(heir);
  });

  test("a writer that hangs is replaced", async () => {
    await allWell();
    const [writer] = byRole();
    writer.pause();
    await untilReplaced(writer);
    writer.resume();
    await allWell();
  });

  test("one that crashed is used again when another has given it all its data", async () => {
    await allWell();
    const [writer, next] = byRole();
    await writer.kill();
    await untilReplaced(writer);
    await untilSeen(writer, { agent_status: "L7STS", last_agt: "via agent : down (connection refused)" });
    await explained("the others have noticed", async () => {
      const [row] = await next.sql("SHOW STATUS LIKE 'wsrep_cluster_size'");
      return row?.["Value"] === "2";
    });
    await writer.restart();
    await allWell();
  });

  test("the last one is used all the while that it gives its data to another", async () => {
    await allWell();
    const [last, second, third] = byRole();
    await third.stop();
    await second.stop();
    await untilListed(last);
    second.wipe();
    const back = second.restart();
    const states = new Set<string>();
    const uses = new Set<string>();
    await explained("it has given them", async () => {
      states.add(await last.stateWord());
      const { status } = await serverStat(stage.haproxy, "b", last.address);
      uses.add(`${stage.writer()} is the writer, ${last.address} is ${status}`);
      return stage.list().length === 2;
    });
    await back;
    expect(states).toContain("Donor/Desynced");
    expect([...uses]).toEqual([`${last.address} is the writer, ${last.address} is UP`]);
    await third.restart();
    await allWell();
  });

  test("two that crash leave the third without quorum: HAProxy uses nobody, and what is published stays", async () => {
    await allWell();
    const [last, second, third] = byRole();
    await third.kill();
    await second.kill();
    await untilSeen(last, {
      status: "DOWN (agent)",
      last_agt: "via agent : down (non-Primary component: it has no quorum)",
    });
    expect(stage.writer()).toBe(last.address);
    await last.sql("SET GLOBAL wsrep_provider_options='pc.bootstrap=1'");
    await untilSeen(last, { status: "UP", agent_status: "L7OK" });
  });
});

describe("the page about it", () => {
  test("has a configuration that HAProxy takes", async () => {
    const blocks = docBlocks("checkers/galera.md", "haproxy");
    expect(blocks).toHaveLength(1);
    for (const config of blocks) expect(await haproxyAccepts(config)).toBe("accepted");
  });

  test("has command lines and a db.conf that checkers take, and a user that is enough", async () => {
    const [node] = await startGalera(1);
    const [conf = ""] = docBlocks("checkers/galera.md", "ini");
    const [user = ""] = docBlocks("checkers/galera.md", "sql");
    await node?.sql(user.replace("10.0.0.%", "127.%").replace("'monitor'", "'another'"));
    const dir = folderWith({ "db.conf": conf.replace("monitor", "another") });
    chmodSync(join(dir, "db.conf"), 0o600);
    const lines = docBlocks("checkers/galera.md", "").filter((line) => line.startsWith("checkers "));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const words = line
        .replace(/\S*db\.conf/, join(dir, "db.conf"))
        .replace(/--server \S+/, `--server ${node?.server}`)
        .replace(/--consul \S+/, "")
        .replaceAll("'", "")
        .split(/\s+/)
        .filter((word) => word !== "");
      const { code, stderr } = await runProgram("checkers", [...words.slice(1), "--once", "--store", "none"]);
      expect([code, stderr]).toEqual([0, ""]);
    }
  });
});
