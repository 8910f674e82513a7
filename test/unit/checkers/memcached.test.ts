import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { memcached } from "../../../checkers/memcached.ts";
import { ask } from "../../../src/check/probe.ts";
import type { Probe } from "../../../src/core/checker.ts";
import type { Target } from "../../../src/core/targets.ts";
import type { Verdict } from "../../../src/core/verdict.ts";
import { releaseLater } from "../../support/releases.ts";
import { serviceContext } from "../../support/service-context.ts";

/** The two questions of a check, as the server reads them (doc/protocol-binary.txt). */
interface Asked {
  readonly key: string;
  readonly expiresSeconds: number;
  readonly value: string;
}

test.each<[string, (asked: Asked) => Buffer[], Verdict]>([
  ["the value that was set", ({ value }) => [reply(1, 0), got(value)], { state: "up", reason: "set and get work" }],
  [
    "another value",
    () => [reply(1, 0), got("other")],
    { state: "down", reason: "get returned another value than was set" },
  ],
  [
    "a value with bytes behind it",
    ({ value }) => [reply(1, 0), got(`${value} `)],
    { state: "down", reason: "get returned another value than was set" },
  ],
  [
    "out of memory to the set",
    () => [reply(1, 0x82), got("1")],
    { state: "down", reason: "set: out of memory storing object" },
  ],
  [
    "not found to the get",
    () => [reply(1, 0), reply(0, 1)],
    { state: "down", reason: "get: the value is gone at once" },
  ],
  ["internal error", () => [reply(1, 0x84), reply(0, 0x84)], { state: "down", reason: "set: internal error" }],
  ["a status that nobody knows", () => [reply(1, 0x77), reply(0, 0)], { state: "down", reason: "set: status 0x77" }],
  [
    "authentication required",
    () => [reply(1, 0x20), reply(0, 0x20)],
    { state: "unknown", reason: "it wants SASL authentication, which this checker does not speak" },
  ],
  [
    "the replies in the wrong order",
    ({ value }) => [got(value), reply(1, 0)],
    { state: "down", reason: "it does not answer in memcached's binary protocol" },
  ],
  [
    "more than was asked for",
    ({ value }) => [reply(1, 0), got(value), got(value)],
    { state: "down", reason: "it does not answer in memcached's binary protocol" },
  ],
  [
    "the text protocol",
    () => [Buffer.from("ERROR\r\n")],
    { state: "down", reason: "it does not answer in memcached's binary protocol" },
  ],
])("a server that answers %s", async (_, answer, verdict) => {
  const target = await startAnswering((socket, asked) => socket.write(Buffer.concat(answer(asked))));
  expect(await check(target)).toEqual(verdict);
});

test("replies that come in pieces are put together", async () => {
  const target = await startAnswering((socket, { value }) => {
    const answer = Buffer.concat([reply(1, 0), got(value)]);
    const sendFrom = (at: number) => {
      if (at === answer.length) return;
      socket.write(answer.subarray(at, at + 1));
      setImmediate(() => sendFrom(at + 1));
    };
    sendFrom(0);
  });
  expect(await check(target)).toMatchObject({ state: "up" });
});

test("an answer without an end is given up, not collected", async () => {
  const target = await startAnswering((socket) => {
    const header = reply(1, 0);
    header.writeUInt32BE(1_000_000_000, 8);
    socket.write(header);
    socket.write(Buffer.alloc(100_000));
  });
  expect(await check(target)).toEqual({ state: "down", reason: "its answer is too long" });
});

test("each probe has a key of its own, which expires, and a new value each time", async () => {
  const seen: Asked[] = [];
  const target = await startAnswering((socket, asked) => {
    seen.push(asked);
    socket.write(Buffer.concat([reply(1, 0), got(asked.value)]));
  });
  const [one, two] = [open(target), open(target)];
  const never = new AbortController().signal;
  for (const probe of [one, one, two]) await ask(probe, 2_000, never);
  await Promise.all([one.close(), two.close()]);
  const [first, second, other] = seen;
  expect(first?.key).toMatch(/^confd-haproxy:check:[0-9a-f]{16}$/);
  expect(second?.key).toBe(first?.key);
  expect(other?.key).not.toBe(first?.key);
  expect(second?.value).not.toBe(first?.value);
  expect(seen.map(({ expiresSeconds }) => expiresSeconds)).toEqual([30, 30, 30]);
});

test("the servers are those of --server, in that order, as the same list each round", async () => {
  const server = [
    { host: "b", port: 2 },
    { host: "a", port: 1 },
  ];
  const call = { signal: new AbortController().signal };
  expect(await memcached.create({ server }, serviceContext()).discover(call)).toBe(server);
  expect(() => memcached.create({}, serviceContext())).toThrow("--server must name a server");
});

function open(target: Target): Probe {
  return memcached.create({ server: [target] }, serviceContext()).open(target);
}

async function check(target: Target): Promise<Verdict> {
  const probe = open(target);
  const verdict = await ask(probe, 2_000, new AbortController().signal);
  await probe.close();
  return verdict;
}

/** A reply without a body: magic 0x81, opcode, status at byte 6. */
function reply(opcode: number, status: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt8(0x81, 0);
  header.writeUInt8(opcode, 1);
  header.writeUInt16BE(status, 6);
  return header;
}

/** A good reply to get: four bytes of flags, then the value. */
function got(value: string): Buffer {
  const header = reply(0, 0);
  header.writeUInt8(4, 4);
  header.writeUInt32BE(4 + value.length, 8);
  return Buffer.concat([header, Buffer.alloc(4), Buffer.from(value)]);
}

async function startAnswering(answer: (socket: Socket, asked: Asked) => void): Promise<Target> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    // Set and get come in one small segment.
    socket.on("data", (bytes) => answer(socket, readSet(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  releaseLater("scripted memcached", () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

/** Header of 24 bytes; for set 8 bytes of extras (flags, expiration), then key and value. */
function readSet(bytes: Buffer): Asked {
  const keyLength = bytes.readUInt16BE(2);
  const bodyLength = bytes.readUInt32BE(8);
  return {
    key: bytes.toString("latin1", 32, 32 + keyLength),
    expiresSeconds: bytes.readUInt32BE(28),
    value: bytes.toString("latin1", 32 + keyLength, 24 + bodyLength),
  };
}
