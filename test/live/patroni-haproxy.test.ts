import { beforeAll, describe, expect, test } from "vitest";
import { startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { haproxyHead, startHaproxy } from "../support/haproxy.ts";
import type { Launched } from "../support/launch.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { FAILOVER_MS, type PatroniNode, startPatroni, switchOver, untilRoles } from "../support/patroni.ts";
import { readEntry } from "../support/patroni-entry.ts";
import { runSql } from "../support/postgres.ts";
import { folderWith, runProgram, startProgram, untilLogged } from "../support/program.ts";
import { currentScope } from "../support/releases.ts";

/** happac's own default. */
const AGENT_PORT = 5_555;
const CLIENT_PORT = 25_000;

let nodes: readonly PatroniNode[];
let door: { readonly host: string; readonly port: number };

/** happac's command line, as its unit has it; only --agent-bind is ours, so that the tests stay on their addresses. */
function startAgent({ address, restPort, pgbouncer }: PatroniNode): Launched {
  return startProgram("checkers", [
    ...["patroni", "-h", address, "-p", `${AGENT_PORT}`, "-r", `${pgbouncer.port}`, "-x", "", "-o", `${restPort}`],
    ...["-k", "primary", "--agent-bind", address],
  ]);
}

/** Scenario C of happac's README, for so many servers as there are; times are shorter. */
function scenarioC(host: string): string {
  const servers = (line: (node: PatroniNode) => string) => nodes.map((node) => `    server ${line(node)}`).join("\n");
  const defaults = "default-server inter 200ms fastinter 100ms fall 2 rise 2 on-marked-down shutdown-sessions";
  const agent = ({ address }: PatroniNode) =>
    `agent-check agent-addr ${address} agent-port ${AGENT_PORT} agent-inter 200ms`;
  return `listen master
    bind ${host}:${CLIENT_PORT}
    acl is_pgb_alive nbsrv(master_pgbouncer) -m int eq 1
    acl is_happac_alive nbsrv(happac) -m int eq ${nodes.length}
    use_backend master_pgbouncer if is_pgb_alive is_happac_alive
    use_backend master_patroni

backend happac
    default-server inter 200ms fastinter 100ms
${servers(({ name, address }) => `${name}-happac ${address}:${AGENT_PORT} check`)}

backend master_pgbouncer
    option tcplog
    ${defaults}
${servers((node) => `${node.name}-pgbouncer ${node.address}:${node.pgbouncer.port} maxconn 100 check ${agent(node)}`)}

backend master_patroni
    option httpchk OPTIONS /primary
    http-check expect status 200
    ${defaults}
${servers((node) => `${node.name}-patroni ${node.address}:${node.postgresPort} maxconn 100 check port ${node.restPort}`)}
`;
}

/** Who answers a client of HAProxy, and by which way. */
async function answerer() {
  const [row] = await runSql(
    door,
    `SELECT coalesce(current_setting('test.way', true), 'direct') AS way, host(inet_server_addr()) AS address,
     pg_is_in_recovery() AS replica`,
  );
  return row;
}

function untilAnsweredBy({ address }: PatroniNode, way: "pgbouncer" | "direct"): Promise<unknown> {
  return eventually(
    `${address} answers, ${way}`,
    async () => {
      const row = await answerer();
      return row?.["address"] === address && row["way"] === way && row["replica"] === false;
    },
    FAILOVER_MS,
  );
}

const roles = () => untilRoles(nodes);

beforeAll(async () => {
  const prefix = await loopbackPrefix();
  nodes = await startPatroni(await startConsul({ config: 'session_ttl_min = "1s"' }), prefix);
  door = { host: `${prefix}.9`, port: CLIENT_PORT };
}, 90_000);

describe("happac's scenario C: agents beside PgBouncer, and the direct way when one is missing,", {
  timeout: 120_000,
}, () => {
  const agents = new Map<PatroniNode, Launched>();
  // an agent that a test starts again lives on after it
  const ofFile = currentScope();

  beforeAll(async () => {
    for (const node of nodes) agents.set(node, startAgent(node));
    await startHaproxy({ config: (place) => `${haproxyHead(place)}\n${scenarioC(door.host)}` });
  });

  test("clients reach the primary through its PgBouncer", async () => {
    await untilAnsweredBy((await roles()).primary, "pgbouncer");
  });

  test("clients reach the primary itself while its PgBouncer is gone, and PgBouncer again after that", async () => {
    const { primary } = await roles();
    await primary.pgbouncer.kill();
    await untilAnsweredBy(primary, "direct");
    await primary.pgbouncer.restart();
    await untilAnsweredBy(primary, "pgbouncer");
  });

  test("the same where PgBouncer hangs: that its port is open is not enough", async () => {
    const { primary } = await roles();
    primary.pgbouncer.pause();
    await untilAnsweredBy(primary, "direct");
    primary.pgbouncer.resume();
    await untilAnsweredBy(primary, "pgbouncer");
  });

  test("clients reach the primary itself while an agent is missing", async () => {
    const { primary, replica } = await roles();
    await agents.get(replica)?.stop();
    await untilAnsweredBy(primary, "direct");
    agents.set(
      replica,
      ofFile(() => startAgent(replica)),
    );
    await untilAnsweredBy(primary, "pgbouncer");
  });

  test("clients follow a switchover", async () => {
    await untilAnsweredBy((await switchOver(nodes)).primary, "pgbouncer");
  });

  test("clients reach the new primary when all of the old one's server dies", async () => {
    const { primary, replica } = await roles();
    await primary.patroni.kill();
    primary.signalPostgres("SIGKILL");
    await primary.pgbouncer.kill();
    await untilAnsweredBy(replica, "pgbouncer");
    await primary.pgbouncer.restart();
    await primary.patroni.restart();
    await roles();
  });

  test("a server whose Patroni cannot be reached gets no clients, though PostgreSQL and PgBouncer go on", async () => {
    const { primary, replica } = await roles();
    primary.patroni.pause();
    // its PostgreSQL takes writes until somebody ends it: two primaries
    await untilAnsweredBy(replica, "pgbouncer");
    primary.patroni.resume();
    await roles();
  });
});

describe("one checker of all servers", { timeout: 120_000 }, () => {
  const servers = () => nodes.map(({ pgbouncer }) => pgbouncer.server).join(",");
  const common = (dir: string) => [
    ...["--server", servers(), "--patroni-port", `${nodes[0]?.restPort}`, "--user", "postgres"],
    ...["--store", `file:${dir}`, "--agent-port", "0"],
  ];

  test("publishes the primary's PgBouncer, and the other one's after a switchover", async () => {
    const dir = folderWith({});
    const { primary } = await roles();
    const program = startProgram("checkers", ["patroni", ...common(dir), "--tag", "pg"]);
    await untilLogged(program, /patroni pg: /);
    const port = primary.pgbouncer.port;
    const entry = (host: string) => ({ name: "pg", host, port, proxyport: port + 10_000 });
    await eventually("it is published", () => readEntry(dir, "pg")?.["host"] === primary.address);
    expect(readEntry(dir, "pg")).toMatchObject(entry(primary.address));
    const next = (await switchOver(nodes)).primary;
    await eventually("the other one is", () => readEntry(dir, "pg")?.["host"] === next.address, FAILOVER_MS);
    expect(readEntry(dir, "pg")).toMatchObject(entry(next.address));
  });

  test("publishes a replica, all who may be read from, and nothing where nobody has the role", async () => {
    const dir = folderWith({});
    const { replica } = await roles();
    const args = ["patroni", ...common(dir), "--tag", "pg-read", "-k", "replica", "--once"];
    await eventually("it is up", async () => (await runProgram("checkers", args)).code === 0);
    expect(readEntry(dir, "pg-read")).toMatchObject({ name: "pg-read", host: replica.address });
    const both = nodes.map(({ address, pgbouncer }) => ({ host: address, port: pgbouncer.port }));
    await eventually("both are published", async () => {
      await runProgram("checkers", [...args, "-k", "read-only", "--publish", "all"]);
      return readEntry(dir, "pg-read")?.["servers"] !== undefined;
    });
    expect(readEntry(dir, "pg-read")?.["servers"]).toEqual(expect.arrayContaining(both));
    const nobody = await runProgram("checkers", [...args, "-k", "standby-leader", "--tag", "pg-none"]);
    expect(nobody.code).toBe(1);
    expect(readEntry(dir, "pg-none")).toBeUndefined();
  });

  test("answers for cron and for Consul by its exit code", async () => {
    const { primary, replica } = await roles();
    const code = async ({ address, restPort, pgbouncer }: PatroniNode) => {
      const flags = ["-h", address, "-o", `${restPort}`, "-r", `${pgbouncer.port}`, "--once"];
      return (await runProgram("checkers", ["patroni", ...flags])).code;
    };
    expect([await code(primary), await code(replica)]).toEqual([0, 1]);
  });
});
