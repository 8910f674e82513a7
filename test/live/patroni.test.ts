import { type AddressInfo, connect, createServer } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { patroni } from "../../checkers/patroni.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { type Consul, startConsul } from "../support/consul.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { FAILOVER_MS, type PatroniNode, startPatroni, switchOver, untilRoles } from "../support/patroni.ts";
import { runSql } from "../support/postgres.ts";
import { releaseLater } from "../support/releases.ts";
import { serviceContext } from "../support/service-context.ts";

const never = new AbortController().signal;
const PATIENCE_MS = 5_000;
/** Where the deadline is meant to pass. */
const SHORT_MS = 300;
const USER = { user: "postgres" };

function open(node: PatroniNode, options: OptionValues = {}, port = node.pgbouncer.port): Probe {
  const flags = { "patroni-host": node.address, "patroni-port": node.restPort, "pgisready-port": port };
  const service = patroni.create({ ...flags, ...options }, serviceContext());
  const probe = service.open({ host: node.address, port });
  releaseLater("patroni probe", () => probe.close());
  return probe;
}

const look = (probe: Probe, timeoutMs = PATIENCE_MS): Promise<Verdict> => ask(probe, timeoutMs, never);

function untilState(probe: Probe, state: Verdict["state"]): Promise<unknown> {
  return eventually(`it is ${state}`, async () => (await look(probe)).state === state, FAILOVER_MS);
}

/** Passes what comes to a port of `address` on to the other node's PgBouncer. */
async function pointTo({ pgbouncer }: PatroniNode, address: string): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect({ host: pgbouncer.address, port: pgbouncer.port });
    for (const socket of [client, upstream]) {
      socket.on("error", () => {});
      socket.on("close", () => [client, upstream].map((one) => one.destroy()));
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  releaseLater("the way to the other node", async () => void server.close());
  return (server.address() as AddressInfo).port;
}

describe("a pair under Patroni, with PgBouncers,", { timeout: 90_000 }, () => {
  let consul: Consul;
  let nodes: readonly PatroniNode[];

  const roles = () => untilRoles(nodes);

  beforeAll(async () => {
    consul = await startConsul({ config: 'session_ttl_min = "1s"' });
    nodes = await startPatroni(consul, await loopbackPrefix());
  }, 90_000);

  test("is up where the wanted role is, by both ways of asking", async () => {
    const { primary, replica } = await roles();
    expect(await look(open(primary))).toEqual({ state: "up", reason: "it is the primary, and it accepts connections" });
    expect(await look(open(primary, USER))).toEqual({
      state: "up",
      reason: "it is the primary, and it answers queries",
    });
    expect(await look(open(replica, USER))).toEqual({ state: "down", reason: "it is a replica" });
    const asReplica = { "patroni-healthcheck": "replica", ...USER };
    expect(await look(open(replica, asReplica))).toEqual({
      state: "up",
      reason: "it is a replica, and it answers queries",
    });
    expect(await look(open(primary, asReplica))).toEqual({ state: "down", reason: "it is the primary" });
    expect(await look(open(replica, { "patroni-healthcheck": "replica?lag=1MB" }))).toMatchObject({ state: "up" });
    expect(await look(open(primary, { "patroni-healthcheck": "no-such-check" }))).toMatchObject({ state: "down" });
  });

  test("a query that reaches the wrong server is down, whatever Patroni says of this one", async () => {
    const { primary, replica } = await roles();
    // A PgBouncer of the primary's host that has been pointed at the replica: Patroni's address is not the server's.
    const port = await pointTo(replica, primary.address);
    expect(await look(open(primary, {}, port))).toMatchObject({ state: "up" });
    expect(await look(open(primary, USER, port))).toEqual({
      state: "down",
      reason: "Patroni says otherwise, but the server that answers queries is a replica",
    });
  });

  test("PgBouncer that is gone, or hangs, is down at once or by its silence", async () => {
    const { primary } = await roles();
    const probes = [open(primary), open(primary, USER)];
    for (const probe of probes) expect(await look(probe)).toMatchObject({ state: "up" });
    primary.pgbouncer.pause();
    for (const probe of probes) {
      await eventually("it hangs", async () => (await look(probe, SHORT_MS)).state === "down");
      expect((await look(probe, SHORT_MS)).reason).toBe(`the server: no answer within ${SHORT_MS} ms`);
    }
    primary.pgbouncer.resume();
    for (const probe of probes) expect(await look(probe)).toMatchObject({ state: "up" });
    await primary.pgbouncer.kill();
    for (const probe of probes) expect((await look(probe)).reason).toBe("the server: connection refused");
    await primary.pgbouncer.restart();
    for (const probe of probes) expect(await look(probe)).toMatchObject({ state: "up" });
  });

  test("the loss of PgBouncer is told without being asked", async () => {
    const { primary } = await roles();
    const probe = open(primary, USER);
    const losses: string[] = [];
    probe.onLost?.((reason) => losses.push(reason));
    expect(await look(probe)).toMatchObject({ state: "up", reason: expect.stringContaining("queries") });
    await primary.pgbouncer.kill();
    await eventually("it is told", () => losses.length > 0);
    await primary.pgbouncer.restart();
  });

  test("PostgreSQL that has crashed is found while Patroni's code still says primary, by its document", async () => {
    const { primary } = await roles();
    const [asking, connecting] = [open(primary, USER), open(primary)];
    for (const probe of [asking, connecting]) expect(await look(probe)).toMatchObject({ state: "up" });
    primary.signalPostgres("SIGKILL");
    const says = /^Patroni says yes to \/primary, but PostgreSQL (does not answer Patroni|is not running)/;
    await eventually("it is found", async () => says.test((await look(connecting)).reason));
    for (const probe of [asking, connecting]) await untilState(probe, "up");
  });

  test("a postmaster that hangs takes no connections: the start-up question finds it at PostgreSQL's own port", async () => {
    const { primary } = await roles();
    const probe = open(primary, {}, primary.postgresPort);
    expect(await look(probe)).toMatchObject({ state: "up" });
    primary.signalPostgres("SIGSTOP");
    await eventually(
      "it hangs",
      async () => (await look(probe, SHORT_MS)).reason === `the server: no answer within ${SHORT_MS} ms`,
    );
    expect(await primary.code("primary")).toBe(200);
    primary.signalPostgres("SIGCONT");
    await untilState(probe, "up");
  });

  test("a switchover moves the primary", async () => {
    const { primary, replica } = await roles();
    const [before, after] = [open(primary, USER), open(replica, USER)];
    await switchOver(nodes);
    await untilState(after, "up");
    expect(await look(before)).toMatchObject({ state: "down" });
  });

  test("a Patroni that is killed is down, though its PostgreSQL still takes writes", async () => {
    const { primary, replica } = await roles();
    const [before, after] = [open(primary, USER), open(replica, USER)];
    await primary.patroni.kill();
    expect(await look(before)).toEqual({ state: "down", reason: "Patroni: connection refused" });
    const itself = { host: primary.address, port: primary.postgresPort };
    expect(await runSql(itself, "SELECT pg_is_in_recovery() AS replica")).toEqual([{ replica: false }]);
    await untilState(after, "up");
    await primary.patroni.restart();
    await roles();
  });

  test("when all of a server is killed the other one is promoted", async () => {
    const { primary, replica } = await roles();
    const after = open(replica, USER);
    await primary.patroni.kill();
    primary.signalPostgres("SIGKILL");
    await untilState(after, "up");
    await primary.patroni.restart();
    await roles();
  });

  test("when Consul hangs there is no primary, and there is one again after it", async () => {
    const { primary } = await roles();
    const probe = open(primary, USER);
    expect(await look(probe)).toMatchObject({ state: "up" });
    consul.pause();
    await eventually(
      "nobody leads",
      async () => (await look(probe)).reason === "it is a replica, and the cluster has no leader",
      FAILOVER_MS,
    );
    consul.resume();
    const again = await roles();
    await untilState(open(again.primary, USER), "up");
  });
});
