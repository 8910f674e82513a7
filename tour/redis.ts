import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MASTER_NAME, type Redis, startRedisTrio, startSentinel, untilAcquainted } from "../test/support/redis.ts";
import { type Act, createPlayer, killPlayer, type Player, type Scene, type Setting } from "./act.ts";
import type { Source } from "./news.ts";
import { talk } from "./talk.ts";

const FRONT_PORT = 31_637;
/** The last parts of their addresses. */
const SENTINELS = [11, 12, 13];
const QUORUM = 2;
const RECONNECT_MS = 200;

/** A Redis master and two replicas with three Sentinels: the master is killed. */
export async function startRedisAct({ tag, dir, frontHost }: Setting): Promise<Act> {
  const { prefix, master, all } = await startRedisTrio();
  const sentinels = await Promise.all(
    SENTINELS.map((last) => startSentinel({ address: `${prefix}.${last}`, master, quorum: QUORUM })),
  );
  const player = (name: string) => (redis: Redis, index: number) =>
    createPlayer(`${name}-${index + 1}`, redis, dir, async () => {
      if (!redis.running) await redis.restart();
    });
  const players = all.map(player("redis"));
  const crew = sentinels.map(player("sentinel"));
  const front = { host: frontHost, port: FRONT_PORT };
  return {
    kind: "redismaster",
    tag,
    cast: `redis-1 is the master of redis-2 and redis-3, ${SENTINELS.length} Sentinels watch`,
    players,
    crew,
    table: [
      `sentinel = ${JSON.stringify(crew.map(({ server }) => server.server))}`,
      `master-name = ${JSON.stringify(MASTER_NAME)}`,
    ],
    front,
    async ask() {
      // Nobody but a master takes the SET; the second answer tells which server it is.
      const address = await talk(
        front,
        "SET tour 1\r\nCONFIG GET bind\r\n",
        /^\+OK\r\n\*2\r\n.+\r\n.+\r\n.+\r\n(.+)\r\n$/,
      );
      return players.find(({ server }) => server.address === address)?.name ?? address;
    },
    // They say hello to one another every two seconds, while other acts are played.
    ready: async () => {
      await Promise.all(sentinels.map((sentinel) => untilAcquainted(sentinel, SENTINELS.length)));
    },
    scenes: [MASTER_DIES],
    watch: async (tell, stop) => {
      await Promise.all(crew.map((sentinel) => listenTo(sentinel, tell, stop)));
    },
    isAtBest: () => true,
    tries: ({ name, pidFile }) => [
      ["Write to Redis as a client does:", `redis-cli -h ${front.host} -p ${front.port} SET greeting hello`],
      ["Have the Sentinels choose another master (INPROG: they are still at it):", failover(crew)],
      [`Or kill ${name}, which is in use now:`, `kill -9 $(cat ${pidFile})`],
    ],
  };
}

const MASTER_DIES: Scene = {
  title: "Redis: the master is killed",
  why: `Clients write to it, so nobody but a new master will do. The Sentinels wait for a second, vote,
and promote a replica. The entry follows their word, not the next probe.`,
  fault: "killed",
  strike: killPlayer,
  isHeir: () => true,
  cue: {
    what: "the Sentinels elect another master",
    said: "the first Sentinel says +switch-master",
    fits: ({ source, text }) => source === "sentinel" && text.includes("+switch-master"),
  },
};

function failover(sentinels: readonly Player[]): string {
  const { address = "", port = 0 } = sentinels[0]?.server ?? {};
  return `redis-cli -h ${address} -p ${port} SENTINEL FAILOVER ${MASTER_NAME}`;
}

/** Tells each `+switch-master` of a Sentinel, as its subscribers hear it (redis.io: Sentinel Pub/Sub messages). */
async function listenTo(
  { name, server }: Player,
  tell: (source: Source, text: string) => void,
  stop: AbortSignal,
): Promise<void> {
  for (;;) {
    const socket = createConnection({ host: server.address, port: server.port, signal: stop });
    let received = "";
    socket.setEncoding("latin1").write("SUBSCRIBE +switch-master\r\n");
    socket.on("data", (text: string) => {
      received += text;
      const master = /\r\n\S+ \S+ \d+ (\S+) (\d+)\r\n$/.exec(received);
      if (master === null) return;
      tell("sentinel", `${name} says +switch-master: ${master[1]}:${master[2]} is the master now`);
      received = "";
    });
    // A Sentinel that ends says nothing more; its end is not our failure.
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    await sleep(RECONNECT_MS, undefined, { signal: stop });
  }
}
