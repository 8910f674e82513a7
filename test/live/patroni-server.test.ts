import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { patroni } from "../../checkers/patroni.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { type Authority, createAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { readEntry } from "../support/patroni-entry.ts";
import { type ScriptedPatroni, startScriptedPatroni } from "../support/patroni-rest.ts";
import { startPgbouncer } from "../support/pgbouncer.ts";
import { type Postgres, runSql, startPostgres } from "../support/postgres.ts";
import { folderWith, startProgram, untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import type { Server } from "../support/server.ts";
import { serviceContext } from "../support/service-context.ts";

const never = new AbortController().signal;
const PATIENCE_MS = 5_000;
/** Where the deadline is meant to pass. */
const SHORT_MS = 300;
const USER = { user: "postgres" };
const ACCEPTS = { state: "up", reason: "it is the primary, and it accepts connections" };
const ANSWERS = { state: "up", reason: "it is the primary, and it answers queries" };
const SILENT = { state: "down", reason: `the server: no answer within ${SHORT_MS} ms` };

let rest: ScriptedPatroni;

beforeAll(async () => {
  // Patroni says "primary" all the time: what is found is found of the server.
  rest = await startScriptedPatroni();
});

function open(server: Server, options: OptionValues = {}): Probe {
  const target = { host: server.address, port: server.port };
  const flags = { server: [target], "patroni-port": rest.port, ...options };
  const probe = patroni.create(flags, serviceContext()).open(target);
  releaseLater("patroni probe", () => probe.close());
  return probe;
}

const look = (probe: Probe, timeoutMs = PATIENCE_MS): Promise<Verdict> => ask(probe, timeoutMs, never);

async function pair(settings: Readonly<Record<string, string | number>> = {}) {
  const prefix = await loopbackPrefix();
  const postgres = await startPostgres({ address: `${prefix}.2` });
  return { postgres, pgbouncer: await startPgbouncer({ address: `${prefix}.3`, upstream: postgres, settings }) };
}

describe("PostgreSQL that is down behind PgBouncer", () => {
  test("is found by the query, not by the start-up question, once PgBouncer has seen it", async () => {
    const { postgres, pgbouncer } = await pair();
    const [asking, connecting] = [open(pgbouncer, USER), open(pgbouncer)];
    expect(await look(asking)).toEqual(ANSWERS);
    await postgres.kill();
    await eventually("it is found", async () => (await look(asking, SHORT_MS)).state === "down");
    expect(await look(connecting)).toEqual(ACCEPTS);
    await postgres.restart();
    await eventually("it is up", async () => (await look(asking)).state === "up", 30_000);
  });

  test("is found within the timeout however long PgBouncer would wait", async () => {
    const { postgres, pgbouncer } = await pair({ query_wait_timeout: 120, server_login_retry: 60 });
    const asking = open(pgbouncer, USER);
    expect(await look(asking)).toEqual(ANSWERS);
    await postgres.kill();
    for (let round = 0; round < 3; round++) {
      expect(await look(asking, SHORT_MS)).toMatchObject({
        state: "down",
        reason: expect.stringMatching(/^the server: /),
      });
    }
  });

  test("is told in PgBouncer's words where it gives up first", async () => {
    const { postgres, pgbouncer } = await pair({ query_wait_timeout: 1, server_login_retry: 60 });
    const asking = open(pgbouncer, USER);
    expect(await look(asking)).toEqual(ANSWERS);
    await postgres.kill();
    await eventually("PgBouncer has given up", async () =>
      /query_wait_timeout|login/.test((await look(asking)).reason),
    );
    expect(await look(asking)).toMatchObject({ state: "down" });
  });

  test("is found by the start-up question too while PgBouncer has never seen it", async () => {
    const { postgres, pgbouncer } = await pair();
    await postgres.kill();
    expect(await look(open(pgbouncer), SHORT_MS)).toEqual(SILENT);
    expect(await look(open(pgbouncer, USER), SHORT_MS)).toEqual(SILENT);
  });

  test("is down also where PgBouncer answers for it, that never saw it", async () => {
    const { postgres, pgbouncer } = await pair({ query_wait_timeout: 1 });
    await postgres.kill();
    const verdict = await look(open(pgbouncer));
    expect(verdict).toMatchObject({ state: "down" });
    expect(verdict.reason).toMatch(/^the server: .*(query_wait_timeout|server_login_retry|connect)/);
  });
});

describe("a query through PgBouncer", () => {
  let postgres: Postgres;
  let pgbouncer: Server;

  beforeAll(async () => {
    ({ postgres, pgbouncer } = await pair({ default_pool_size: 1 }));
  });

  const sessions = async () => {
    await postgres.sql("SELECT pg_stat_force_next_flush()");
    const [row] = await postgres.sql("SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'");
    return Number(row?.["sessions"]);
  };

  test("makes no new connection to PostgreSQL each time", async () => {
    const probe = open(pgbouncer, USER);
    expect(await look(probe)).toEqual(ANSWERS);
    const pids = async () =>
      (await postgres.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'confd-haproxy'")).map(
        (row) => row["pid"],
      );
    const before = await pids();
    expect(before).toHaveLength(1);
    const count = await sessions();
    for (let round = 0; round < 20; round++) expect(await look(probe)).toEqual(ANSWERS);
    expect(await pids()).toEqual(before);
    // each look of the test itself is one
    expect((await sessions()) - count).toBeLessThan(10);
  });

  test("leaves PgBouncer's only server to others as soon as it is answered, with no transaction open", async () => {
    const probe = open(pgbouncer, USER);
    expect(await look(probe)).toEqual(ANSWERS);
    const other = { host: pgbouncer.address, port: pgbouncer.port };
    const rows = await runSql(other, "SELECT state FROM pg_stat_activity WHERE application_name = 'confd-haproxy'");
    expect(rows.map((row) => row["state"])).not.toContain("idle in transaction");
    expect(await look(probe)).toEqual(ANSWERS);
  });

  test("is answered in statement mode too", async () => {
    const statement = await pair({ pool_mode: "statement" });
    const probe = open(statement.pgbouncer, USER);
    for (let round = 0; round < 3; round++) expect(await look(probe)).toEqual(ANSWERS);
  });

  test("keeps one server of the pool for itself in session mode", async () => {
    const session = await pair({ pool_mode: "session", default_pool_size: 1 });
    const probe = open(session.pgbouncer, USER);
    expect(await look(probe)).toEqual(ANSWERS);
    expect(await look(open(session.pgbouncer, USER), SHORT_MS)).toEqual(SILENT);
    expect(await look(probe)).toEqual(ANSWERS);
    await probe.close();
    await eventually("it is free", async () => (await look(open(session.pgbouncer, USER))).state === "up");
  });

  test("is for nobody's environment and password file to change", async () => {
    const environment = { PGSSLMODE: "require", PGPASSWORD: "another", PGUSER: "nobody", PGDATABASE: "nowhere" };
    const before = { ...process.env };
    Object.assign(process.env, environment);
    try {
      expect(await look(open(pgbouncer, USER))).toEqual(ANSWERS);
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
});

describe("the role by the server's own word", () => {
  test("is a replica's for the words that mean one, and a primary's for those that mean the primary", async () => {
    const standby = await startPostgres({ address: `${await loopbackPrefix()}.2`, standby: true });
    expect(await look(open(standby, USER))).toEqual({
      state: "down",
      reason: "Patroni says otherwise, but the server that answers queries is a replica",
    });
    rest.say(200, { state: "running", postmaster_start_time: "now", role: "replica" });
    releaseLater("Patroni's role", () =>
      rest.say(200, { state: "running", postmaster_start_time: "now", role: "master" }),
    );
    const asReplica = { ...USER, "patroni-healthcheck": "replica?lag=1MB" };
    expect(await look(open(standby, asReplica))).toEqual({
      state: "up",
      reason: "it is a replica, and it answers queries",
    });
    expect(rest.asked.at(-1)).toBe("/replica?lag=1MB");
    const { pgbouncer } = await pair();
    expect(await look(open(pgbouncer, asReplica))).toEqual({
      state: "down",
      reason: "Patroni says otherwise, but the server that answers queries is a primary",
    });
    for (const word of ["leader", "read-only", "health"]) {
      expect(await look(open(standby, { ...USER, "patroni-healthcheck": word }))).toMatchObject({ state: "up" });
    }
  });
});

test("two primaries are told of, and the one that is published stays", async () => {
  const prefix = await loopbackPrefix();
  const [one, two] = [await startPostgres({ address: `${prefix}.2` }), await startPostgres({ address: `${prefix}.3` })];
  const dir = folderWith({});
  const program = startProgram("checkers", [
    ...["patroni", "--server", `${one.server},${two.server}`, "--patroni-port", `${rest.port}`, "--tag", "pg"],
    ...["--store", `file:${dir}`, "--agent-port", "0", "--user", "postgres"],
  ]);
  await untilLogged(program, /SPLIT.*say that they are the primary/);
  expect(readEntry(dir, "pg")).toMatchObject({ host: one.address });
  await two.kill();
  await untilLogged(program, /down \(the server: /);
  expect(readEntry(dir, "pg")).toMatchObject({ host: one.address });
});

describe("a login that is refused says nothing about the server", () => {
  const LOGIN = { user: "checker", password: "right-one" };
  const SECRET = { password: "wrong-one" };
  let postgres: Postgres;
  let pgbouncer: Server;

  beforeAll(async () => {
    const prefix = await loopbackPrefix();
    const hba = ["host all postgres 127.0.0.0/8 trust", "host postgres all 127.0.0.0/8 scram-sha-256"];
    postgres = await startPostgres({ address: `${prefix}.2`, hba });
    await postgres.sql("CREATE ROLE checker LOGIN PASSWORD 'right-one'");
    pgbouncer = await startPgbouncer({
      address: `${prefix}.3`,
      upstream: postgres,
      settings: { auth_type: "scram-sha-256" },
      users: { checker: "right-one" },
    });
  });

  test("and one that is not proves that queries are answered, by both ways", async () => {
    expect(await look(open(postgres, LOGIN))).toEqual(ANSWERS);
    expect(await look(open(pgbouncer, LOGIN))).toEqual(ANSWERS);
  });

  test("a password file is read anew for each login, so that a new password needs no restart", async () => {
    const file = join(folderWith({ password: "wrong-one\n" }), "password");
    const probe = open(postgres, { user: "checker", "password-file": file });
    expect(await look(probe)).toMatchObject({ state: "unknown" });
    writeFileSync(file, "right-one\n");
    expect(await look(probe)).toEqual(ANSWERS);
  });

  test.each([
    [
      "PostgreSQL: a wrong password",
      () => postgres,
      { ...LOGIN, ...SECRET },
      /authentication failed.*check the password/,
    ],
    [
      "PostgreSQL: a password file that is not there",
      () => postgres,
      { user: "checker", "password-file": "/nowhere/password" },
      /\/nowhere\/password cannot be read \(ENOENT\)/,
    ],
    ["PostgreSQL: no password", () => postgres, { user: "checker" }, /asks for a password, and there is none/],
    ["PostgreSQL: an unknown user", () => postgres, { user: "ghost", ...SECRET }, /authentication failed/],
    ["PostgreSQL: a database without a rule", () => postgres, { ...LOGIN, database: "ghost" }, /pg_hba\.conf/],
    [
      "PostgreSQL: an unknown database",
      () => postgres,
      { ...USER, database: "ghost" },
      /does not exist; check --database/,
    ],
    ["PgBouncer: a wrong password", () => pgbouncer, { ...LOGIN, ...SECRET }, /^the server: .*check/],
    ["PgBouncer: no password", () => pgbouncer, { user: "checker" }, /asks for a password, and there is none/],
    ["PgBouncer: an unknown user", () => pgbouncer, { user: "ghost", ...SECRET }, /^the server: .*check/],
  ])("%s", async (_, server, options, reason) => {
    const verdict = await look(open(server(), options));
    expect(verdict).toEqual({ state: "unknown", reason: expect.stringMatching(reason) });
    expect(verdict.reason).not.toContain("wrong-one");
    // and for the question without a login it accepts connections
    expect(await look(open(server()))).toEqual(ACCEPTS);
  });
});

describe("a server that has no place left", () => {
  test("is still up for a query on the kept connection, and unknown for a new one: PgBouncer", async () => {
    const { pgbouncer } = await pair({ max_client_conn: 2 });
    const probe = open(pgbouncer, USER);
    await eventually("it is up", async () => (await look(probe)).state === "up");
    const other = open(pgbouncer, USER);
    await eventually("there is no place", async () =>
      (await look(other)).reason.includes("no more connections allowed"),
    );
    expect(await look(other)).toMatchObject({ state: "unknown" });
    expect(await look(probe)).toEqual(ANSWERS);
  });

  test("is unknown for a new connection: PostgreSQL", async () => {
    const address = `${await loopbackPrefix()}.2`;
    const postgres = await startPostgres({
      address,
      config: ["max_connections = 2", "superuser_reserved_connections = 0", "max_wal_senders = 0"],
    });
    const first = open(postgres, USER);
    await eventually("it is up", async () => (await look(first)).state === "up");
    const others = [open(postgres, USER), open(postgres, USER)];
    await eventually("one is told so", async () => {
      const verdicts = [await look(others[0] ?? first), await look(others[1] ?? first)];
      return verdicts.some(({ state, reason }) => state === "unknown" && reason.includes("raise max_connections"));
    });
    expect(await look(first)).toEqual(ANSWERS);
  });
});

describe("Patroni over TLS", () => {
  let authority: Authority;
  let postgres: Postgres;

  beforeAll(async () => {
    authority = createAuthority();
    postgres = await startPostgres({ address: `${await loopbackPrefix()}.2` });
  });

  const over = (port: number, options: OptionValues) =>
    look(open(postgres, { "patroni-port": port, "patroni-scheme": "https", ...options }));

  test("is asked where its certificate is trusted, or nobody wants to know; else it cannot be told", async () => {
    const { port } = await startScriptedPatroni(authority.sign([`IP:${postgres.address}`]));
    expect(await over(port, { "patroni-ca": authority.file })).toEqual(ACCEPTS);
    expect(await over(port, {})).toMatchObject({
      state: "unknown",
      reason: expect.stringMatching(/^Patroni: .*certificate/),
    });
    expect(await over(port, { "patroni-verify": false })).toEqual(ACCEPTS);
  });

  test("whose certificate names another, or is over, cannot be told", async () => {
    const another = await startScriptedPatroni(authority.sign(["IP:127.0.0.9"]));
    expect(await over(another.port, { "patroni-ca": authority.file })).toMatchObject({ state: "unknown" });
    const ended = await startScriptedPatroni(authority.sign([`IP:${postgres.address}`], "over"));
    expect(await over(ended.port, { "patroni-ca": authority.file })).toMatchObject({ state: "unknown" });
  });

  test("is down where it does not speak TLS, or only TLS", async () => {
    expect(await over(rest.port, { "patroni-ca": authority.file })).toMatchObject({ state: "down" });
    const { port } = await startScriptedPatroni(authority.sign([`IP:${postgres.address}`]));
    expect(await look(open(postgres, { "patroni-port": port }))).toMatchObject({ state: "down" });
  });
});
