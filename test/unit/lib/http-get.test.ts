import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server as NetServer, type Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { createHttpGetter, type HttpGetterOptions } from "../../../src/lib/http-get.ts";
import { type Authority, createAuthority } from "../../support/certificates.ts";
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

async function serve(listener: RequestListener, server = createServer(listener)) {
  const sockets = new Set<Socket>();
  let connections = 0;
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

/** Answers each question with bytes of its own choice; both are counted from 1, the questions on each connection. */
async function serveBytes(answer: (socket: Socket, connection: number, question: number) => void): Promise<URL> {
  let count = 0;
  const server = createTcp((socket) => {
    count += 1;
    const mine = count;
    let questions = 0;
    socket.on("error", () => {});
    socket.on("data", () => {
      questions += 1;
      answer(socket, mine, questions);
    });
    releaseLater("socket", async () => void socket.destroy());
  });
  return urlOf(server);
}

/** An answer after which the connection is kept. */
const answerOf = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

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

  test.each<[string, (socket: Socket) => void]>([
    ["reset", (socket) => socket.resetAndDestroy()],
    ["ended", (socket) => socket.end()],
  ])("is put again, once, when the kept connection is %s just then", async (_, letGo) => {
    let asked = 0;
    const url = await serveBytes((socket, connection, question) => {
      asked += 1;
      if (connection === 1 && question === 2) letGo(socket);
      else socket.write(answerOf(`${connection}.${question}`));
    });
    const { get } = getter();
    expect((await get(url, never)).body).toBe("1.1");
    expect((await get(url, never)).body).toBe("2.1");
    expect((await get(url, never)).body).toBe("2.2");
    expect(asked).toBe(4);
  });

  test("is not put again when the server ends each connection on being asked", async () => {
    let asked = 0;
    const url = await serveBytes((socket, _connection, question) => {
      asked += 1;
      if (asked > 1) socket.end();
      else socket.write(answerOf(`${question}`));
    });
    const { get } = getter();
    await get(url, never);
    await expect(get(url, never)).rejects.toThrow("it closed the connection without an answer");
    expect(asked).toBe(3);
    await expect(get(url, never)).rejects.toThrow("it closed the connection without an answer");
    expect(asked).toBe(4);
  });

  test("is not put again when the answer had begun", async () => {
    let asked = 0;
    const url = await serveBytes((socket, _connection, question) => {
      asked += 1;
      if (question === 1) socket.write(answerOf("one"));
      else socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
    });
    const { get } = getter();
    await get(url, never);
    await expect(get(url, never)).rejects.toThrow("it closed the connection in the middle of its answer");
    expect(asked).toBe(2);
  });

  test.each<[string, (socket: Socket) => void, string]>([
    ["is no HTTP", (socket) => socket.end("SSH-2.0-x\r\n"), "its answer is not HTTP"],
    [
      "has a head without an end",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(20_000)}`),
      "its answer is not HTTP",
    ],
    ["is too long", (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(2_000)}`), "its answer is too long"],
    [
      "ends in the middle",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"),
      "it closed the connection in the middle of its answer",
    ],
    ["ends in its head", (socket) => socket.end("HTTP/1.1 200 OK\r\n"), "it closed the connection without an answer"],
    ["is none", (socket) => socket.end(), "it closed the connection without an answer"],
    ["is a reset", (socket) => socket.resetAndDestroy(), "read ECONNRESET"],
    [
      "is another protocol",
      (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      "it closed the connection without an answer",
    ],
  ])("whose answer %s fails before any deadline, in words", async (_, answer, words) => {
    await expect(getter().get(await serveBytes(answer), never)).rejects.toThrow(words);
  });

  test("whose answer is longer than anybody wants to read is cut, if that is of no interest", async () => {
    const { url, sockets, connections } = await serve((_, answer) => answer.end("x".repeat(1_000_000)));
    const lost: string[] = [];
    const { get } = getter({ maxBytes: 10, excess: "ignored", onLost: (reason) => lost.push(reason) });
    for (let round = 1; round <= 3; round++) {
      expect(await get(url, never)).toEqual({ status: 200, body: "x".repeat(10) });
      await eventually("it is let go of", () => sockets.size === 0);
      expect(connections()).toBe(round);
    }
    expect(lost).toEqual([]);
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
    await expect(asker.get(url, never)).rejects.toThrow("closed by this side");
  });

  test("is given up when it is told to, or closed, before there is a connection", async () => {
    const { url } = await serve(() => {});
    const controller = new AbortController();
    const asked = getter().get(url, controller.signal);
    controller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    const asker = getter();
    const late = asker.get(url, never);
    asker.close();
    await expect(late).rejects.toThrow("closed by this side");
  });

  test("is not begun when it was told to stop before", async () => {
    const { url, connections } = await serve((_, answer) => answer.end("ok"));
    await expect(getter().get(url, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    expect((await getter().get(url, never)).body).toBe("ok");
    expect(connections()).toBe(1);
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

  test("that is lost tells it for each connection that there was", async () => {
    const lost: string[] = [];
    const { url, sockets } = await serve((_, answer) => answer.end("ok"));
    const { get } = getter({ onLost: (reason) => lost.push(reason) });
    for (let round = 1; round <= 3; round++) {
      await get(url, never);
      await get(url, never);
      for (const socket of sockets) socket.destroy();
      await eventually("it is told", () => lost.length === round);
    }
  });

  test("that ends when the server has announced it is no news", async () => {
    const lost: string[] = [];
    const { url, sockets } = await serve((_, answer) => answer.setHeader("Keep-Alive", "timeout=1, max=100").end("ok"));
    const { get } = getter({ onLost: (reason) => lost.push(reason) });
    await get(url, never);
    for (const socket of sockets) socket.destroy();
    await eventually("it is gone", () => sockets.size === 0);
    expect((await get(url, never)).body).toBe("ok");
    expect(lost).toEqual([]);
  });

  test("that ends before the server has announced it is news", async () => {
    const lost: string[] = [];
    const { url, sockets } = await serve((_, answer) => answer.setHeader("Keep-Alive", "timeout=100").end("ok"));
    await getter({ onLost: (reason) => lost.push(reason) }).get(url, never);
    for (const socket of sockets) socket.destroy();
    await eventually("it is told", () => lost.length > 0);
  });

  test("may bring bytes that nobody asked for: they are no answer to the next question", async () => {
    const url = await serveBytes((socket, connection, question) => {
      socket.write(answerOf(`${connection}.${question}`));
      // As a server that has waited long enough for a question.
      if (question === 1) setImmediate(() => socket.write("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"));
    });
    const { get } = getter();
    expect((await get(url, never)).body).toBe("1.1");
    await eventually("the next one is answered", async () => (await get(url, never)).status === 200);
  });
});

describe("over TLS", () => {
  let authority: Authority;
  beforeAll(() => {
    authority = createAuthority();
  });

  async function serveTls(listener: RequestListener, names: readonly string[] = ["IP:127.0.0.1"], when?: "over") {
    const { url, ...rest } = await serve(listener, createTlsServer(authority.sign(names, when), listener));
    return { url: new URL(url.href.replace("http:", "https:")), ...rest };
  }

  test("a question is answered over one kept connection, whose loss is told", async () => {
    const lost: string[] = [];
    const { url, sockets, connections } = await serveTls((_, answer) => answer.end("ok"));
    const { get } = getter({ ca: authority.cert, onLost: (reason) => lost.push(reason) });
    for (let round = 0; round < 5; round++) expect(await get(url, never)).toEqual({ status: 200, body: "ok" });
    expect(connections()).toBe(1);
    for (const socket of sockets) socket.end();
    await eventually("it is told", () => lost.length > 0);
    expect(lost).toHaveLength(1);
    expect((await get(url, never)).body).toBe("ok");
  });

  test("a question is put again when the kept connection is let go of just then", async () => {
    let asked = 0;
    const { url } = await serveTls((question, answer) => {
      asked += 1;
      if (asked === 2) question.socket.end();
      else answer.end(`${asked}`);
    });
    const { get } = getter({ ca: authority.cert });
    expect((await get(url, never)).body).toBe("1");
    expect((await get(url, never)).body).toBe("3");
  });

  test("whoever cannot show a certificate of the CA for this name and this day is asked nothing", async () => {
    let asked = 0;
    const listener: RequestListener = (_, answer) => {
      asked += 1;
      answer.end();
    };
    const good = await serveTls(listener);
    const other = await serveTls(listener, ["DNS:other.test"]);
    const old = await serveTls(listener, ["IP:127.0.0.1"], "over");
    const get = (url: URL, ca?: string) => getter(ca === undefined ? {} : { ca }).get(url, never);
    await expect(get(good.url)).rejects.toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    await expect(get(good.url, createAuthority().cert)).rejects.toMatchObject({ code: /^(UNABLE_TO_|CERT_|SELF_)/ });
    await expect(get(other.url, authority.cert)).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    await expect(get(old.url, authority.cert)).rejects.toMatchObject({ code: "CERT_HAS_EXPIRED" });
    expect(asked).toBe(0);
    expect((await getter({ verify: false }).get(old.url, never)).status).toBe(200);
    // The name in the certificate may be that of a header, where a server has many.
    const { get: getByName } = getter({ ca: authority.cert, headers: { host: "other.test" } });
    expect((await getByName(other.url, never)).status).toBe(200);
  });

  test("a server that speaks no TLS fails before any deadline", async () => {
    const url = await serveBytes((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const asked = getter().get(new URL(url.href.replace("http:", "https:")), never);
    await expect(asked).rejects.toThrow(/^TLS: wrong version number$/);
  });
});
