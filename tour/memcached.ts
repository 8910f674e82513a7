import type { Target } from "../src/core/targets.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { ask, startMemcached } from "../test/support/memcached.ts";
import type { Server } from "../test/support/server.ts";
import { type Act, createPlayer, keyOf, killPlayer, type Player, type Setting } from "./act.ts";
import { talk } from "./talk.ts";

const NAMES = ["memcached-A", "memcached-B"];
const FRONT_PORT = 26_211;

/** Two memcached, of which the one in use is killed. Each says its own name: the value of its key `who`. */
export async function startMemcachedAct({ tag, dir, frontHost }: Setting): Promise<Act> {
  const prefix = await loopbackPrefix();
  const players = await Promise.all(NAMES.map((name, index) => startPlayer(name, `${prefix}.${index + 2}`, dir)));
  const front = { host: frontHost, port: FRONT_PORT };
  return {
    kind: "memcached",
    tag,
    cast: `${NAMES.join(" and ")} answer`,
    players,
    crew: [],
    table: [`server = ${JSON.stringify(players.map(({ server }) => server.server))}`],
    front,
    ask: () => talk(front, "get who\r\n", /^VALUE who \d+ \d+\r\n(.+)\r\nEND\r\n$/),
    scenes: [
      {
        title: "memcached: the server in use is killed",
        why: "The connection that the checker keeps to it breaks: that is news, and nobody waits for a probe.",
        fault: "killed",
        strike: killPlayer,
        isHeir: () => true,
      },
    ],
    isAtBest: () => true,
    tries: ({ name, pidFile }) => [
      ["Ask memcached as a client does:", netcat(`${front.port},"${front.host}"`, "get who\\r")],
      [`Kill ${name}, which is in use now:`, `kill -9 $(cat ${pidFile})`],
      ...players
        .filter((player) => player.name !== name)
        .map((other) => [`Change the entry by hand, to ${other.name}:`, putCommand(tag, other, front)] as const),
    ],
  };
}

/** A command that publishes this server, whatever the checkers think of it. */
function putCommand(tag: string, { server: { address: host, port } }: Player, front: Target): string {
  const entry = JSON.stringify({ name: tag, host, port, proxyport: front.port });
  return `node dist/confd-haproxy.js kv put ${keyOf({ kind: "memcached", tag })} \\\n  '${entry}'`;
}

/** A command that sends a line to a port or a Unix socket and shows the answer, with what is surely there. */
export function netcat(to: string, words: string): string {
  return `node -e 'require("net").connect(${to})\n  .end("${words}\\n").pipe(process.stdout)'`;
}

async function startPlayer(name: string, address: string, dir: string): Promise<Player> {
  const server = await startMemcached({ address });
  await introduce(name, server);
  return createPlayer(name, server, dir, async () => {
    if (server.running) return;
    await server.restart();
    await introduce(name, server);
  });
}

async function introduce(name: string, { address, port }: Server): Promise<void> {
  await ask(address, port, `set who 0 0 ${name.length}\r\n${name}\r\n`);
}
