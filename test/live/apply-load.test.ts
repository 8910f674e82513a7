import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { loopbackPrefix } from "../support/loopback.ts";
import { untilLogged } from "../support/program.ts";
import { releaseLater } from "../support/releases.ts";
import { type RenderStage, renderStage } from "../support/render-stage.ts";

const PORT = 21_211;
const FIRST_PROXY_PORT = 21_700;
const TAGS = Array.from({ length: 20 }, (_, at) => `tag${at}`);
const ROUNDS = 50;
const LONG_SESSIONS = 50;
const CLIENTS = 4;

test("1,000 addresses change under load: no request fails, no session is reset, nothing is reloaded", async () => {
  const prefix = await loopbackPrefix();
  const hosts = [`${prefix}.11`, `${prefix}.12`] as const;
  const calm = `${prefix}.13`;
  for (const host of [...hosts, calm]) await startEcho(host);
  const stage = await renderStage({ haproxy: 'on_replace = "keep"' });
  await stage.publish(calm, "calm", FIRST_PROXY_PORT - 1);
  for (const [at, tag] of TAGS.entries()) await stage.publish(hosts[0], tag, FIRST_PROXY_PORT + at);
  const render = stage.start();
  await untilLogged(render, /reloaded/);
  const worker = await pidOf(stage);

  const sessions = await Promise.all(
    Array.from({ length: LONG_SESSIONS }, (_, at) =>
      open(stage.proxy.address, at % 2 === 0 ? FIRST_PROXY_PORT - 1 : FIRST_PROXY_PORT + (at % TAGS.length)),
    ),
  );
  const load = startLoad(stage.proxy.address);
  for (let round = 1; round <= ROUNDS; round++) {
    const host = hosts[round % 2] ?? calm;
    await Promise.all(TAGS.map((tag, at) => stage.publish(host, tag, FIRST_PROXY_PORT + at)));
    await eventually(`all are at ${host}`, async () => {
      const state = await stage.haproxy.cli("show servers state");
      return state.split("\n").filter((line) => line.includes(` ${host} `)).length === TAGS.length;
    });
  }
  const { answered, failed } = await load.stop();
  expect(failed).toEqual([]);
  expect(answered).toBeGreaterThan(100);
  for (const session of sessions) expect(await session.say("still here")).toBe("still here");
  await eventually("the file follows", () => stage.read().split(`${hosts[ROUNDS % 2]}:`).length - 1 === TAGS.length);
  expect(stage.reloadCount()).toBe(1);
  expect(await pidOf(stage)).toBe(worker);
});

async function pidOf(stage: RenderStage): Promise<string | undefined> {
  return /^Pid: (\d+)$/m.exec(await stage.haproxy.cli("show info"))?.[1];
}

/** Clients that connect, ask and hang up, again and again. */
function startLoad(address: string) {
  const counts = { answered: 0, failed: [] as string[] };
  let stopped = false;
  const client = async (first: number) => {
    for (let at = first; !stopped; at++) {
      try {
        const session = await open(address, FIRST_PROXY_PORT + (at % TAGS.length));
        await session.say("hello");
        session.close();
        counts.answered += 1;
      } catch (error) {
        counts.failed.push(String(error));
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, at) => client(at * 5));
  const stop = async () => {
    stopped = true;
    await Promise.all(clients);
    return counts;
  };
  releaseLater("load", async () => void (await stop()));
  return { stop };
}

/** Says each line back. */
async function startEcho(host: string): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(PORT, host, 1_024);
  await once(server, "listening");
  releaseLater("echo", async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

/** A session through HAProxy; rejects, at once or when it is used, once it is cut. */
async function open(address: string, port: number) {
  const socket = createConnection({ host: address, port }).setEncoding("utf8");
  releaseLater("a session", async () => void socket.destroy());
  await once(socket, "connect");
  return {
    close: () => void socket.destroy(),
    say: (words: string) =>
      new Promise<string>((resolve, reject) => {
        const fail = (error?: Error) => reject(error ?? new Error(`${address}:${port} hung up`));
        socket.once("error", fail).once("close", fail);
        socket.once("data", (text: string) => {
          socket.off("error", fail).off("close", fail);
          resolve(text.trim());
        });
        socket.write(`${words}\n`);
      }),
  };
}
