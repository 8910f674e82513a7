import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, startMemcached } from "../test/support/memcached.ts";
import type { Server } from "../test/support/server.ts";
import type { News } from "./news.ts";

/** A memcached that says its own name: the value of its key `who`. */
export interface Memcached {
  readonly name: string;
  readonly server: Server;
  /** Holds the pid of the one that runs now, or ran last. */
  readonly pidFile: string;
}

const COMEBACK_MS = 3_000;

/** Starts one and returns when it answers. */
export async function startNamed(name: string, address: string, dir: string): Promise<Memcached> {
  const named = { name, server: await startMemcached({ address }), pidFile: join(dir, `memcached-${name}.pid`) };
  await introduce(named);
  return named;
}

/** Starts it again, empty but for its name. */
export async function startAgain(memcached: Memcached): Promise<void> {
  await memcached.server.restart();
  await introduce(memcached);
}

/** Starts each one again 3 s after it has ended, so that a person can go on killing them. */
export async function keepComingBack(memcached: Memcached, news: News, stop: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(100, undefined, { signal: stop });
    if (memcached.server.running) continue;
    news.tell("memcached", `${memcached.name} has ended; it comes back in ${COMEBACK_MS / 1_000} s`);
    await sleep(COMEBACK_MS, undefined, { signal: stop });
    await startAgain(memcached);
    news.tell("memcached", `${memcached.name} is back, pid ${memcached.server.pid}`);
  }
}

async function introduce({ name, server, pidFile }: Memcached): Promise<void> {
  await ask(server.address, server.port, `set who 0 0 ${name.length}\r\n${name}\r\n`);
  writeFileSync(pidFile, `${server.pid}\n`);
}
