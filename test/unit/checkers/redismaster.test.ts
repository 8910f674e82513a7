import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { redismaster } from "../../../checkers/redismaster.ts";
import type { OptionValues } from "../../../src/core/option.ts";
import type { Target } from "../../../src/core/targets.ts";
import { startAsking } from "../../support/redis-checker.ts";
import { releaseLater } from "../../support/releases.ts";
import { serviceContext } from "../../support/service-context.ts";

const MASTER = "+PONG\r\n*3\r\n$6\r\nmaster\r\n:5\r\n*0\r\n";

/** A replica of 10.0.0.1 with such a link. */
const replica = (link: string) =>
  `+PONG\r\n*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.1\r\n:6379\r\n$${link.length}\r\n${link}\r\n:5\r\n`;

describe("a server is", () => {
  test.each<[verdict: string, state: string, reason: string, answer: string]>([
    ["a master without replicas", "up", "is the master, without replicas", MASTER],
    [
      "a master of one replica",
      "up",
      "is the master of 1 replica",
      "+PONG\r\n*3\r\n$6\r\nmaster\r\n:5\r\n*1\r\n*3\r\n$8\r\n10.0.0.2\r\n$4\r\n6379\r\n$1\r\n5\r\n",
    ],
    ["a replica in step", "down", "is a replica of 10.0.0.1:6379 (link connected)", replica("connected")],
    ["a replica that copies", "down", "is a replica of 10.0.0.1:6379 (link sync)", replica("sync")],
    ["a replica without a link", "down", "is a replica of 10.0.0.1:6379 (link connect)", replica("connect")],
    [
      "a replica that may not serve old data",
      "down",
      "is a replica of 10.0.0.1:6379 (link connecting)",
      replica("connecting").replace(
        "+PONG",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      ),
    ],
    [
      "loading, though it says that it is the master",
      "down",
      "is loading its data set",
      MASTER.replace("+PONG", "-LOADING Redis is loading the dataset in memory"),
    ],
    [
      "a Sentinel",
      "down",
      "is a Sentinel: name it with --sentinel",
      "+PONG\r\n*2\r\n$8\r\nsentinel\r\n*1\r\n$2\r\nm1\r\n",
    ],
    ["of a role that nobody knows", "down", "gives no role that is known", "+PONG\r\n*1\r\n$4\r\nduke\r\n"],
    ["without any role", "down", "gives no role that is known", "+PONG\r\n*-1\r\n"],
    [
      "in protected mode",
      "unknown",
      "is in protected mode: it answers only its own machine (DENIED)",
      "-DENIED Redis is running in protected mode because protected mode is enabled\r\n",
    ],
    ["full", "down", "has reached its maxclients", "-ERR max number of clients reached\r\n"],
    ["failing in its own way", "down", "ROLE: ERR something is wrong", "+PONG\r\n-ERR something is wrong\r\n"],
    [
      "answering with bytes that no terminal and no HAProxy should see",
      "down",
      `ROLE: ERR [31m ${"x".repeat(142)}...`,
      `+PONG\r\n-ERR \u001b[31m\n\t${"x".repeat(1_000)}\r\n`,
    ],
    [
      "a replica of something odd",
      "down",
      "is a replica of a b:1 (link c d)",
      "+PONG\r\n*5\r\n$5\r\nslave\r\n$3\r\na\nb\r\n:1\r\n$3\r\nc\td\r\n:5\r\n",
    ],
    ["more talkative than asked", "down", "it answers more than it was asked", `${MASTER}+PONG\r\n`],
  ])("%s", async (_, state, reason, answer) => {
    const target = await startScripted((socket) => socket.write(answer));
    expect(await startAsking({ server: [target] }).verdict(target)).toMatchObject({ state, reason });
  });

  test("asked again over a new connection after it has refused the last one", async () => {
    let connections = 0;
    const target = await startScripted(
      (socket) => socket.write("-ERR max number of clients reached\r\n"),
      () => {
        connections += 1;
      },
    );
    const asking = startAsking({ server: [target] });
    const lost: string[] = [];
    asking.probe(target).onLost?.((reason) => lost.push(reason));
    for (let round = 0; round < 3; round++) expect((await asking.verdict(target)).state).toBe("down");
    expect(connections).toBe(3);
    expect(lost).toEqual([]);
  });
});

describe("a password", () => {
  test.each<[what: string, state: string, reason: string, answer: string]>([
    ["that old servers refuse", "unknown", "refuses the password", `-ERR invalid password\r\n${MASTER}`],
    [
      "that was not needed",
      "up",
      "is the master, without replicas",
      `-ERR Client sent AUTH, but no password is set\r\n${MASTER}`,
    ],
    [
      "for a user that old servers do not know",
      "unknown",
      "AUTH: ERR wrong number of arguments for 'auth' command",
      `-ERR wrong number of arguments for 'auth' command\r\n${MASTER}`,
    ],
    ["that is right", "up", "is the master, without replicas", `+OK\r\n${MASTER}`],
  ])("%s", async (_, state, reason, answer) => {
    const target = await startScripted((socket) => socket.write(answer));
    const asking = startAsking({ server: [target], user: "u", password: "secret" });
    expect(await asking.verdict(target)).toMatchObject({ state, reason });
  });
});

describe("what a Sentinel calls the master", () => {
  async function judge(named: string, target: Target) {
    const sentinel = await startScripted((socket) => socket.write(sentinelAnswer(named, target.port)));
    const options = { server: [target], sentinel: [sentinel], "master-name": "m1" };
    return startAsking(options).verdict(target);
  }

  test("is compared in one spelling, and an address with the one that a host name leads to", async () => {
    const { port } = await startScripted((socket) => socket.write(MASTER));
    expect(await judge("127.0.0.1", { host: "localhost", port })).toMatchObject({ state: "up" });
    expect(await judge("::ffff:127.0.0.1", { host: "127.0.0.1", port })).toMatchObject({ state: "up" });
    expect(await judge("LOCALHOST", { host: "localhost", port })).toMatchObject({ state: "up" });
    expect(await judge("127.0.0.2", { host: "localhost", port })).toMatchObject({
      state: "down",
      reason: `says that it is the master, but Sentinel has deposed it: the master is 127.0.0.2:${port}`,
    });
  });

  test("decides nothing when it is a host name and the server an address", async () => {
    const target = await startScripted((socket) => socket.write(MASTER));
    expect(await judge("redis.test", target)).toEqual({
      state: "unknown",
      reason: `cannot be told from redis.test:${target.port}: name it as Sentinel does`,
    });
  });

  test("is refused when it is no host: nothing of it reaches an entry", async () => {
    const target = await startScripted((socket) => socket.write(MASTER));
    const verdict = await judge("10.0.0.1\n  server evil", target);
    expect(verdict).toMatchObject({
      state: "unknown",
      reason: expect.stringContaining("the only Sentinel does not answer"),
    });
  });
});

test("news of another master than ours is no news", async () => {
  const server = await startScripted((socket) => socket.write(MASTER));
  const message = (name: string) => {
    const text = `${name} 10.0.0.1 1 10.0.0.2 2`;
    return `*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$${text.length}\r\n${text}\r\n`;
  };
  const sentinel = await startScripted((socket, asked) => {
    if (!asked.includes("SUBSCRIBE")) socket.write(sentinelAnswer(server.host, server.port));
    else socket.write(`*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n${message("m2")}${message("m1")}`);
  });
  const asking = startAsking({ sentinel: [sentinel], "master-name": "m1" });
  const news: string[] = [];
  const told = new Promise<void>((resolve) => {
    asking.service.onNews?.((reason) => {
      news.push(reason);
      resolve();
    });
  });
  await asking.verdict(server);
  await told;
  expect(news).toEqual(["Sentinel has made 10.0.0.2:2 the master"]);
});

describe("options", () => {
  const server = [{ host: "a", port: 1 }];
  const sentinel = [{ host: "s", port: 2 }];
  test.each<[says: string, options: OptionValues]>([
    ["--server or --sentinel is required", {}],
    ["--sentinel needs --master-name", { sentinel }],
    ["--sentinel needs --master-name", { sentinel, "master-name": "" }],
    ["--master-name says nothing without --sentinel", { server, "master-name": "m1" }],
    ["--user needs a password", { server, user: "u" }],
    ["--sentinel-user needs a password", { sentinel, "master-name": "m1", "sentinel-user": "u" }],
    ["password and --password-file are both given", { server, password: "p", "password-file": "f" }],
    ["--redis-ca-file says nothing without --redis-tls", { server, "redis-ca-file": "f" }],
    ["--redis-server-name says nothing without --redis-tls", { server, "redis-server-name": "n" }],
    ["--redis-cert-file and --redis-key-file belong together", { server, "redis-tls": true, "redis-cert-file": "f" }],
  ])("%s", (says, options) => {
    expect(() => redismaster.create(options, serviceContext())).toThrow(says);
  });

  test("the servers are those of --server, in that order, as the same list each round", async () => {
    const servers = [...server, { host: "b", port: 3 }];
    const call = { signal: new AbortController().signal };
    expect(await redismaster.create({ server: servers }, serviceContext()).discover(call)).toBe(servers);
  });
});

/** What a Sentinel answers that names this master and knows no replica. */
function sentinelAnswer(host: string, port: number): string {
  const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  return `*2\r\n${bulk(host)}${bulk(`${port}`)}*4\r\n${bulk("ip")}${bulk(host)}${bulk("port")}${bulk(`${port}`)}*0\r\n`;
}

/** A server on 127.0.0.1 that answers everything it is sent in its own way. */
async function startScripted(
  answer: (socket: Socket, asked: string) => void,
  onConnection: () => void = () => {},
): Promise<Target> {
  const sockets = new Set<Socket>();
  const scripted = createServer((socket) => {
    onConnection();
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => answer(socket, bytes.toString()));
  });
  await new Promise<void>((resolve) => scripted.listen(0, "127.0.0.1", resolve));
  releaseLater("scripted redis", () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => scripted.close(() => resolve()));
  });
  return { host: "127.0.0.1", port: (scripted.address() as AddressInfo).port };
}
