import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcp, type Server as NetServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { createHttpGetter, type HttpGetterOptions } from "../../../src/lib/http-get.ts";
import { eventually } from "../../support/eventually.ts";
import { releaseLater } from "../../support/releases.ts";

const never = new AbortController().signal;

function getter(options: Partial<HttpGetterOptions> = {}) {
  const made = createHttpGetter({ maxBytes: 1_000, ...options });
  releaseLater("getter", async () => made.close());
  return made;
}

async function urlOf(server: NetServer): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  releaseLater("server", async () => void server.close());
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/health`);
}

async function serve(listener: RequestListener) {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(listener);
  server.keepAliveTimeout = 0;
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const url = await urlOf(server);
  releaseLater("its connections", async () => server.closeAllConnections());
  return { url, sockets, connections: () => connections };
}

/** Answers each connection with bytes of its own choice. */
async function serveBytes(answer: (socket: Socket, connection: number) => void): Promise<URL> {
  let count = 0;
  const server = createTcp((socket) => {
    count += 1;
    const mine = count;
    socket.on("error", () => {});
    socket.once("data", () => answer(socket, mine));
    releaseLater("socket", async () => void socket.destroy());
  });
  return urlOf(server);
}

describe("a question over HTTP", () => {
  test("is answered with status and body, again and again over one connection", async () => {
    const { url, connections } = await serve((_, answer) => answer.writeHead(503).end("full"));
    const { get } = getter();
    for (let round = 0; round < 5; round++) expect(await get(url, never)).toEqual({ status: 503, body: "full" });
    expect(connections()).toBe(1);
  });

  test("carries its headers, and follows no redirect", async () => {
    const { url } = await serve((asked, answer) =>
      answer.writeHead(302, { location: "/elsewhere" }).end(String(asked.headers["x-token"])),
    );
    expect(await getter({ headers: { "X-Token": "abc" } }).get(url, never)).toEqual({ status: 302, body: "abc" });
  });

  test("is put again when the kept connection was let go of just then", async () => {
    const url = await serveBytes((socket, connection) => {
      if (connection === 1) {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none");
        socket.once("data", () => socket.resetAndDestroy());
        return;
      }
      socket.end("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo");
    });
    const { get } = getter();
    expect((await get(url, never)).body).toBe("one");
    expect((await get(url, never)).body).toBe("two");
  });

  test.each<[string, (socket: Socket) => void, RegExp]>([
    ["is no HTTP", (socket) => socket.end("SSH-2.0-x\r\n"), /Parse Error/],
    ["is too long", (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(2_000)}`), /its answer is too long/],
    [
      "ends in the middle",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"),
      /aborted|middle of its answer/,
    ],
    ["is none", (socket) => socket.end(), /socket hang up|without an answer/],
  ])("whose answer %s fails before any deadline, in words", async (_, answer, words) => {
    await expect(getter().get(await serveBytes(answer), never)).rejects.toThrow(words);
  });

  test("that nobody listens to is refused", async () => {
    await expect(getter().get(new URL("http://127.255.1.1:9/"), never)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("is given up at once when it is told to, and leaves no connection", async () => {
    const { url, sockets } = await serve(() => {});
    const controller = new AbortController();
    const reason = new Error("enough");
    const asked = getter().get(url, controller.signal);
    await eventually("it is connected", () => sockets.size === 1);
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await eventually("it is gone", () => sockets.size === 0);
  });

  test("is given up too in the middle of an answer that drips", async () => {
    const { url } = await serve((_, answer) => void answer.writeHead(200).write("x"));
    const controller = new AbortController();
    const asked = getter().get(url, controller.signal);
    await eventually("it has begun", async () => true);
    controller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
  });

  test("under way fails when the getter is closed", async () => {
    const { url, sockets } = await serve(() => {});
    const asker = createHttpGetter({ maxBytes: 10 });
    const asked = asker.get(url, never);
    await eventually("it is connected", () => sockets.size === 1);
    asker.close();
    await expect(asked).rejects.toThrow("closed by this side");
    asker.close();
  });
});

describe("a kept connection", () => {
  test("that ends while nothing is asked is told, once", async () => {
    const lost: string[] = [];
    const { url, sockets } = await serve((_, answer) => answer.end("ok"));
    await getter({ onLost: (reason) => lost.push(reason) }).get(url, never);
    for (const socket of sockets) socket.destroy();
    await eventually("it is told", () => lost.length > 0);
    expect(lost).toEqual(["it closed the connection"]);
  });

  test("is none where the server wants none: its end is no news", async () => {
    const lost: string[] = [];
    const { url, sockets } = await serve((_, answer) => answer.setHeader("connection", "close").end("ok"));
    const { get } = getter({ onLost: (reason) => lost.push(reason) });
    for (let round = 0; round < 3; round++) await get(url, never);
    await eventually("all are gone", () => sockets.size === 0);
    expect(lost).toEqual([]);
  });

  test("that this side closes is no news", async () => {
    const lost: string[] = [];
    const { url, sockets } = await serve((_, answer) => answer.end("ok"));
    const asker = getter({ onLost: (reason) => lost.push(reason) });
    await asker.get(url, never);
    asker.close();
    await eventually("it is gone", () => sockets.size === 0);
    expect(lost).toEqual([]);
  });
});
