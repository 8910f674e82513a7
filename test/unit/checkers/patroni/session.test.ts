import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { createPassword } from "../../../../checkers/patroni/password.ts";
import { createPgSession } from "../../../../checkers/patroni/session.ts";
import { eventually } from "../../../support/eventually.ts";
import { releaseLater } from "../../../support/releases.ts";

const never = new AbortController().signal;

/** Messages of a server that lets everybody in (PostgreSQL, "Message Formats"). */
const WELCOME = Buffer.concat([message("R", [0, 0, 0, 0]), message("Z", [0x49])]);

function message(type: string, body: readonly number[] | Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, Buffer.from(body)]);
}

/** The row of `SELECT pg_is_in_recovery() AS recovery`. */
function row(recovery: boolean): Buffer {
  const name = Buffer.from("recovery\0");
  // table, column, type bool (16), its size, modifier, format text
  const column = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 1, 255, 255, 255, 255, 0, 0]);
  return Buffer.concat([
    message("T", Buffer.concat([Buffer.from([0, 1]), name, column])),
    message("D", [0, 1, 0, 0, 0, 1, recovery ? 0x74 : 0x66]),
    message("C", Buffer.from("SELECT 1\0")),
    message("Z", [0x49]),
  ]);
}

/** A server whose answers the test decides; undefined: silence. */
async function scripted(answer: (received: Buffer) => Buffer | undefined) {
  const open = new Set<Socket>();
  const received: Buffer[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (bytes) => {
      received.push(bytes);
      const reply = answer(bytes);
      if (reply !== undefined) socket.write(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  releaseLater("server", async () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const lost: string[] = [];
  const session = createPgSession({
    target: { host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    user: "ann",
    password: createPassword(undefined, undefined),
    database: "shop",
    onLost: (reason) => lost.push(reason),
  });
  releaseLater("session", () => session.close());
  return { session, open, received, lost, connections: () => connections };
}

const isQuery = (received: Buffer) => received[0] === 0x51;

describe("a session", () => {
  test("is kept from one question to the next", async () => {
    let recovery = false;
    const { session, connections } = await scripted((received) => (isQuery(received) ? row(recovery) : WELCOME));
    expect(await session.inRecovery(never)).toBe(false);
    recovery = true;
    expect(await session.inRecovery(never)).toBe(true);
    expect(connections()).toBe(1);
  });

  test("is made anew after a question that was given up, so that a late answer is nobody's", async () => {
    let silent = true;
    const { session, open, connections, lost } = await scripted((received) => {
      if (!isQuery(received)) return WELCOME;
      return silent ? undefined : row(true);
    });
    const controller = new AbortController();
    const asked = session.inRecovery(controller.signal);
    await eventually("it is connected", () => connections() > 0);
    controller.abort(new Error("too late"));
    await expect(asked).rejects.toThrow("too late");
    await eventually("the connection is gone", () => open.size === 0);
    silent = false;
    expect(await session.inRecovery(never)).toBe(true);
    expect(connections()).toBe(2);
    expect(lost).toEqual([]);
  });

  test("does not connect when it is given up, or closed, while its client is loaded", async () => {
    const { session, connections } = await scripted(() => WELCOME);
    const controller = new AbortController();
    const asked = session.inRecovery(controller.signal);
    controller.abort(new Error("too late"));
    await expect(asked).rejects.toThrow("too late");
    const again = session.inRecovery(never);
    session.close();
    await expect(again).rejects.toThrow("closed by this side");
    await expect(session.inRecovery(never)).rejects.toThrow("closed by this side");
    expect(connections()).toBe(0);
  });

  test("says goodbye when it is closed, and leaves no connection", async () => {
    const { session, open, received, lost } = await scripted((bytes) => (isQuery(bytes) ? row(true) : WELCOME));
    await session.inRecovery(never);
    session.close();
    session.close();
    await eventually("the connection is gone", () => open.size === 0);
    // Terminate
    expect(received.at(-1)?.toString("latin1")).toBe("X\0\0\0\x04");
    expect(lost).toEqual([]);
  });

  test("tells once that it is lost, in the server's words", async () => {
    const { session, open, lost } = await scripted((bytes) => (isQuery(bytes) ? row(true) : WELCOME));
    await session.inRecovery(never);
    const goodbye = message("E", Buffer.from("SFATAL\0C57P01\0Mterminating connection\0\0"));
    for (const socket of open) socket.end(goodbye);
    await eventually("it is told", () => lost.length > 0);
    await eventually("the connection is gone", () => open.size === 0);
    expect(lost).toEqual(["terminating connection"]);
  });

  test("fails at once at a server that speaks something else", async () => {
    const { session } = await scripted(() => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await expect(session.inRecovery(never)).rejects.toThrow("it does not answer in PostgreSQL's protocol");
  });
});
