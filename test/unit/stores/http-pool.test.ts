import { createServer, type Server, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { createTransport, type HttpRequest, type Transport } from "../../../src/stores/consul-transport.ts";
import { eventually } from "../../support/eventually.ts";
import { loopbackPrefix } from "../../support/loopback.ts";
import { releaseLater } from "../../support/releases.ts";

const GET: HttpRequest = { method: "GET", path: "/", repeatable: true };
const CAS: HttpRequest = { method: "PUT", path: "/", body: "1", repeatable: false };

const never = new AbortController().signal;

interface Scene {
  readonly transport: Transport;
  /** Asks with the text of a body as the result. */
  readonly ask: (request?: HttpRequest, signal?: AbortSignal) => Promise<string>;
  /** The connections made so far. */
  readonly sockets: Socket[];
  /** What was received, piece by piece, with the number of its connection. */
  readonly received: { readonly on: number; readonly text: string }[];
}

/** A server that calls `react` with what it receives, the number of the connection, and that of the piece. */
async function setScene(
  react: (socket: Socket, on: number, nth: number) => void,
  listen?: { readonly host: string },
): Promise<Scene> {
  const sockets: Socket[] = [];
  const received: { on: number; text: string }[] = [];
  const server = createServer((socket) => {
    const on = sockets.push(socket) - 1;
    // A client that resets its connection is part of these tests.
    socket.on("error", () => socket.destroy());
    socket.on("data", (piece) => {
      received.push({ on, text: piece.toString() });
      react(socket, on, received.length - 1);
    });
  });
  const address = await listenOn(server, listen?.host ?? `${await loopbackPrefix()}.1`);
  releaseLater("server", () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const transport = await createTransport(undefined);
  releaseLater("transport", () => transport.close());
  const ask = async (request = GET, signal = never) => (await transport.ask(address, request, signal)).body.toString();
  return { transport, ask, sockets, received };
}

async function listenOn(server: Server, host: string): Promise<{ host: string; port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return { host, port: address.port };
}

const answer = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe("connections that are kept", () => {
  test("one after the other share a connection, those at the same time do not, and the last used comes first", async () => {
    const { ask, sockets, received } = await setScene((socket, on) => {
      if (received.length !== 2) socket.write(answer(String(on)));
    });
    expect(await ask()).toBe("0");
    const waiting = ask();
    await eventually("the question that waits", () => received.length === 2);
    expect(await ask()).toBe("1");
    sockets[0]?.write(answer("waited"));
    expect(await waiting).toBe("waited");
    expect(await ask()).toBe("0");
    expect(sockets).toHaveLength(2);
  });

  test.each([
    ["Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1"],
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1"],
  ])("after %s the next question takes another one", async (_what, text) => {
    const { ask, sockets } = await setScene((socket) => socket.write(text));
    expect([await ask(), await ask()]).toEqual(["1", "1"]);
    expect(sockets).toHaveLength(2);
    await eventually("the first to be closed by us", () => sockets[0]?.readableEnded);
  });

  test.each<[string, (socket: Socket) => void]>([
    ["closed by the other side", (socket) => socket.end()],
    ["that sends what nobody asked for", (socket) => socket.write(answer("smuggled"))],
  ])("an idle one %s is not used again, not even for a write", async (_what, spoil) => {
    const { ask, sockets } = await setScene((socket, on) => socket.write(answer(String(on))));
    expect(await ask()).toBe("0");
    const [first] = sockets as [Socket];
    spoil(first);
    await eventually("our side to close it", () => first.readableEnded || first.destroyed);
    expect(await ask(CAS)).toBe("1");
  });

  test("one that dies before its answer is replaced for what may be repeated, but not for a check-and-set", async () => {
    const { ask, received } = await setScene((socket, on, nth) => {
      if (nth === 0 || on === 1) socket.write(answer(String(on)));
      else socket.destroy();
    });
    await ask();
    expect(await ask()).toBe("1");
    expect(received.map(({ on }) => on)).toEqual([0, 0, 1]);
  });

  test("a check-and-set on one that dies is an error and is not sent again", async () => {
    const { ask, received } = await setScene((socket, _on, nth) => {
      if (nth === 0) socket.write(answer("1"));
      else socket.destroy();
    });
    await ask();
    await expect(ask(CAS)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(received).toHaveLength(2);
  });

  test("one that dies within its answer is an error, also for what may be repeated", async () => {
    const { ask, received } = await setScene((socket, _on, nth) => {
      if (nth === 0) socket.write(answer("1"));
      else socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    });
    await ask();
    await expect(ask()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(received).toHaveLength(2);
  });

  test("a new one that dies is not tried again", async () => {
    const { ask, received } = await setScene((socket) => socket.destroy());
    await expect(ask()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(received).toHaveLength(1);
  });
});

describe("answers that smuggle", () => {
  test("a second answer behind the first refuses both, and the connection is dropped", async () => {
    const { ask, sockets } = await setScene((socket) => socket.write(answer("true") + answer("smuggled")));
    await expect(ask()).rejects.toMatchObject({ code: "HPE_INVALID" });
    await expect(ask()).rejects.toMatchObject({ code: "HPE_INVALID" });
    expect(sockets).toHaveLength(2);
  });
});

describe("leaving", () => {
  test("an abort rejects with its reason and closes the connection", async () => {
    const { ask, sockets, received } = await setScene(() => {});
    const stop = new AbortController();
    const asked = ask(GET, stop.signal);
    await eventually("the question", () => received.length === 1);
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    await eventually("the connection's end", () => sockets[0]?.readableEnded || sockets[0]?.destroyed);
  });

  test("a signal that is aborted already opens nothing", async () => {
    const { ask, sockets } = await setScene((socket) => socket.write(answer("1")));
    await expect(ask(GET, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    expect(await ask()).toBe("1");
    expect(sockets).toHaveLength(1);
  });

  test("close ends what waits on a kept connection and sends nothing again", async () => {
    const { ask, transport, sockets, received } = await setScene((socket, _on, nth) => {
      if (nth === 0) socket.write(answer("1"));
    });
    await ask();
    const asked = ask();
    await eventually("the question that waits", () => received.length === 2);
    transport.close();
    await expect(asked).rejects.toThrow("closed");
    await expect(ask()).rejects.toThrow("closed");
    expect(sockets).toHaveLength(1);
  });
});

describe("what is written", () => {
  test("head and body arrive as one piece, without compression on this machine", async () => {
    const { ask, received } = await setScene((socket) => socket.write(answer("true")));
    await ask({ method: "PUT", path: "/v1/kv/a", token: "t", body: "é", repeatable: true });
    const [piece] = received;
    expect(piece?.text).toMatch(/^PUT \/v1\/kv\/a HTTP\/1\.1\r\nHost: 127\.\d+\.\d+\.1:\d+\r\nX-Consul-Token: t\r\n/);
    expect(piece?.text).toMatch(/\r\nContent-Length: 2\r\n\r\né$/);
    expect(piece?.text).not.toContain("Accept-Encoding");
  });

  test("an address that is not known to be this machine is asked to compress", async () => {
    const { ask, received } = await setScene((socket) => socket.write(answer("1")), {
      host: `::ffff:${await loopbackPrefix()}.1`,
    });
    await ask();
    expect(received[0]?.text).toContain("\r\nAccept-Encoding: gzip\r\n");
  });

  test("an IPv6 address is in brackets", async () => {
    const { ask, received } = await setScene((socket) => socket.write(answer("1")), { host: "::1" });
    await ask();
    expect(received[0]?.text).toMatch(/\r\nHost: \[::1\]:\d+\r\n/);
  });

  test("nothing is sent, and nothing opened, for a token that would end its line", async () => {
    const { ask, sockets } = await setScene((socket) => socket.write(answer("1")));
    await expect(ask({ ...GET, token: "t\r\nX-Other: 1" })).rejects.toMatchObject({ code: "E_CONFIG" });
    expect(sockets).toHaveLength(0);
  });
});
