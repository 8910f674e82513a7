import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { type Connection, createConnection as connectMysql } from "mysql2/promise";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { cli } from "../support/haproxy.ts";
import { haproxyBinaries } from "../support/haproxy-3.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { type Mariadb, startMariadb } from "../support/mariadb.ts";
import { untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { type RenderStage, renderStage } from "../support/render-stage.ts";

const CUTS = 'on_replace = "shutdown-sessions"';
/** What the stage's entries name. */
const PORT = 21_211;

/** A stage on which mem1 is at `one`; entries name hosts, and `one` and `two` both listen on the stage's port. */
async function serving(host: string, haproxy: string, binary?: string) {
  const stage = await renderStage({ haproxy, ...(binary === undefined ? {} : { binary }) });
  await stage.publish(host);
  const render = stage.start();
  await untilLogged(render, /reloaded/);
  return { stage, render };
}

/** Moves mem1 to another server, and returns when HAProxy has it. */
async function moveTo(stage: RenderStage, host: string): Promise<void> {
  await stage.publish(host);
  await eventually(`HAProxy has ${host}`, async () => (await stage.haproxy.cli("show servers state")).includes(host));
  await eventually(`the file names ${host}`, () => stage.read().includes(host));
}

describe("a MySQL client with an open transaction on a server that is replaced", () => {
  test("is cut, and the transaction is rolled back", async () => {
    const [one, two] = [await startMariadb({ port: PORT }), await startMariadb({ port: PORT })];
    const { stage } = await serving(one.address, CUTS);
    await one.sql("CREATE DATABASE shop", "CREATE TABLE shop.orders (n INT)");
    const client = await connect(stage);
    await client.query("BEGIN");
    await client.query("INSERT INTO shop.orders VALUES (1)");
    const gone = untilGone(client);
    await moveTo(stage, two.address);
    await gone;
    await eventually("no transaction is open", async () => (await openTransactions(one)) === 0);
    expect(await one.sql("SELECT * FROM shop.orders")).toEqual([]);
    expect(stage.reloadCount()).toBe(1);
  });

  test("lives on where on_replace says keep", async () => {
    const [one, two] = [await startMariadb({ port: PORT }), await startMariadb({ port: PORT })];
    const { stage } = await serving(one.address, 'on_replace = "keep"');
    const client = await connect(stage);
    await client.query("BEGIN");
    await moveTo(stage, two.address);
    const [rows] = await client.query("SELECT @@bind_address AS at");
    expect(rows).toEqual([{ at: one.address }]);
  });
});

describe.each(haproxyBinaries())("HAProxy $version", ({ binary }) => {
  test("ends sessions to the old server in the live worker and in old ones, and no others", async () => {
    const prefix = await loopbackPrefix();
    const [one, two, other] = [`${prefix}.11`, `${prefix}.12`, `${prefix}.13`];
    for (const host of [one, two, other]) await startEcho(host);
    const { stage, render } = await serving(one, CUTS, binary);
    const old = await talk(stage, 21_611);
    await withOther(stage, other);
    const oldOther = await talk(stage, 21_612);
    // mem2 came by a reload: what was open before is held by an old worker now.
    const before = render.stderr().length;
    await stage.publish(other, "mem3", 21_613);
    await untilLogged(render, /reloaded/, before);
    const live = await talk(stage, 21_611);
    const liveOther = await talk(stage, 21_612);
    expect([old.who, live.who, oldOther.who, liveOther.who]).toEqual([one, one, other, other]);
    expect((await oldWorkers(stage)).length).toBeGreaterThan(0);
    await moveTo(stage, two);
    await Promise.all([old.ended, live.ended]);
    expect((await talk(stage, 21_611)).who).toBe(two);
    expect(await liveOther.say("still here")).toBe("still here");
    expect(await oldOther.say("and here")).toBe("and here");
  });

  test("ends them too when the address changes together with what takes a reload", async () => {
    const prefix = await loopbackPrefix();
    const [one, two, other] = [`${prefix}.11`, `${prefix}.12`, `${prefix}.13`];
    for (const host of [one, two, other]) await startEcho(host);
    const { stage, render } = await serving(one, CUTS, binary);
    await withOther(stage, other);
    const [client, bystander] = [await talk(stage, 21_611), await talk(stage, 21_612)];
    await render.stop();
    await stage.publish(two);
    await stage.publish(other, "mem3", 21_613);
    const again = stage.start();
    await untilLogged(again, /reloaded/);
    await client.ended;
    expect((await talk(stage, 21_611)).who).toBe(two);
    expect(await bystander.say("still here")).toBe("still here");
  });
});

async function withOther(stage: RenderStage, host: string): Promise<void> {
  await stage.publish(host, "mem2", 21_612);
  await eventually("HAProxy listens for mem2", async () =>
    (await stage.haproxy.cli("show stat")).includes("mem2,FRONTEND"),
  );
  await eventually("it was noted", () => stage.reloadCount() === 2);
}

async function oldWorkers(stage: RenderStage): Promise<readonly string[]> {
  const [, old = ""] = (await cli(stage.haproxy.masterSocket, "show proc")).split("# old workers");
  return old.split("\n").filter((line) => line.includes("worker "));
}

function connect(stage: RenderStage): Promise<Connection> {
  return connectMysql({ host: stage.proxy.address, port: stage.proxy.port, user: "admin", password: "admin" }).then(
    (client) => {
      releaseLater("a MySQL client", async () => client.destroy());
      client.on("error", () => {});
      return client;
    },
  );
}

function untilGone(client: Connection): Promise<unknown> {
  return new Promise((resolve) => client.on("error", resolve));
}

async function openTransactions(server: Mariadb): Promise<number> {
  const [row] = await server.sql("SELECT COUNT(*) AS n FROM information_schema.innodb_trx");
  return Number(row?.["n"]);
}

/** Says its address, and then each line back. */
async function startEcho(host: string): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.write(`${host}\n`);
    socket.pipe(socket);
  });
  server.listen(PORT, host);
  await once(server, "listening");
  releaseLater("echo", async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

/** A session through HAProxy. */
async function talk(stage: RenderStage, port: number) {
  const socket = createConnection({ host: stage.proxy.address, port });
  releaseLater("a session", async () => void socket.destroy());
  socket.setEncoding("utf8").on("error", () => socket.destroy());
  const ended = once(socket, "close");
  const line = async () => String((await once(socket, "data"))[0]).trim();
  const who = await line();
  return {
    who,
    ended,
    say(words: string): Promise<string> {
      socket.write(`${words}\n`);
      return line();
    },
  };
}
