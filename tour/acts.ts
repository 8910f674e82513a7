import type { Act, Setting } from "./act.ts";
import { startMemcachedAct } from "./memcached.ts";
import { startMysqlAct } from "./mysql.ts";
import { startRedisAct } from "./redis.ts";

/** In the order in which they are played; the word is the last part of the tag. */
const ACTS = [
  ["memcached", startMemcachedAct],
  ["mysql", startMysqlAct],
  ["redis", startRedisAct],
] as const;

/** What starts, in words, while there is nothing else to see. */
export const STARTING = "starting 2 memcached, 3 MariaDB, 3 Redis and 3 Sentinels";

/** Starts the servers of all acts at the same time; `started` hears of each that is ready. */
export function startActs(setting: Setting, started: (act: Act) => void): Promise<readonly Act[]> {
  return Promise.all(
    ACTS.map(async ([name, start]) => {
      const act = await start({ ...setting, tag: `${setting.tag}-${name}` });
      started(act);
      return act;
    }),
  );
}
