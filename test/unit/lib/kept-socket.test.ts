import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { createKeptSocket } from "../../../src/lib/kept-socket.ts";
import { eventually } from "../../support/eventually.ts";
import { releaseLater } from "../../support/releases.ts";

const never = new AbortController().signal;
const whole = (received: Buffer) => (received.includes("\n") ? received.toString("latin1") : undefined);

/** A server that answers as told, and a kept socket to it. */
async function connect(answer: (socket: Socket, question: string) => void) {
  const connections = new Set<Socket>();
  let made = 0;
  const server = createServer((socket) => {
    made += 1;
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => answer(socket, bytes.toString("latin1")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const lost: string[] = [];
  const { port } = server.address() as AddressInfo;
  const kept = createKeptSocket({ host: "127.0.0.1", port, maxBytes: 64, onLost: (reason) => lost.push(reason) });
  releaseLater("server and socket", () => {
    kept.close();
    for (const socket of connections) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const ask = (question: string) => kept.exchange(Buffer.from(question), whole, never);
  return { kept, ask, lost, connections, made: () => made };
}

test("one connection serves all exchanges, and no answer is mixed with the next", async () => {
  const { ask, made } = await connect((socket, question) => socket.write(`re:${question}\n`));
  expect([await ask("a"), await ask("b"), await ask("c")]).toEqual(["re:a\n", "re:b\n", "re:c\n"]);
  expect(made()).toBe(1);
});

test("an answer in two pieces is handed over whole", async () => {
  const { ask } = await connect((socket) => {
    socket.write("ab");
    setImmediate(() => socket.write("cd\n"));
  });
  expect(await ask("x")).toBe("abcd\n");
});

test("bytes that nobody asked for end the connection: a late answer must not pass for the next one", async () => {
  const { ask, lost, connections, made } = await connect((socket, question) => {
    socket.write(`${question}\n`);
    setTimeout(() => socket.write("late\n"), 20);
  });
  await ask("a");
  await eventually("the loss is told", () => lost.length > 0);
  expect(lost).toEqual(["it sent bytes that nobody asked for"]);
  await eventually("the connection is gone", () => connections.size === 0);
  expect(await ask("b")).toBe("b\n");
  expect(made()).toBe(2);
});

test("the end of an idle connection is told once, and the next exchange makes a new one", async () => {
  const { ask, lost, connections } = await connect((socket, question) => socket.write(`${question}\n`));
  await ask("a");
  for (const socket of connections) socket.end();
  await eventually("the loss is told", () => lost.length > 0);
  expect(await ask("b")).toBe("b\n");
  expect(lost).toEqual(["it closed the connection"]);
});

test("the end of a connection in use goes to the one who asked, and to nobody else", async () => {
  const { ask, lost } = await connect((socket) => socket.end());
  await expect(ask("a")).rejects.toThrow("it closed the connection");
  expect(lost).toEqual([]);
});

test("an answer that is too long is given up", async () => {
  const { ask, connections } = await connect((socket) => socket.write("x".repeat(65)));
  await expect(ask("a")).rejects.toThrow("its answer is too long");
  await eventually("the connection is gone", () => connections.size === 0);
});

test("what the reader throws goes to the one who asked, and the connection is dropped", async () => {
  const { kept, connections } = await connect((socket) => socket.write("x"));
  const asked = kept.exchange(
    Buffer.from("a"),
    () => {
      throw new Error("garbage");
    },
    never,
  );
  await expect(asked).rejects.toThrow("garbage");
  await eventually("the connection is gone", () => connections.size === 0);
});
