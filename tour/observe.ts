import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../src/core/errors.ts";
import { cli } from "../test/support/haproxy.ts";
import { type Act, keyOf } from "./act.ts";
import type { Client } from "./client.ts";
import type { News } from "./news.ts";
import type { TourStore } from "./store.ts";

/** How closely the tour looks: each ms while things happen, seldom while a person plays. */
export interface Pace {
  lookMs: number;
  /** What the checkers find out about each server is not told. */
  brief: boolean;
}

/** What every observer needs. */
export interface Watcher {
  readonly news: News;
  readonly pace: Pace;
  readonly stop: AbortController;
}

const STORE_PAUSE_MS = 200;

/** Copies a program's log to `logs/NAME.log` and tells each of its messages. */
export async function observeLog(
  watcher: Watcher,
  log: { readonly file: string; text(): string; tell(message: string): void },
): Promise<void> {
  let [copied, told] = [0, 0];
  await forEver(watcher, () => {
    const text = log.text();
    if (text.length === copied) return;
    appendFileSync(log.file, text.slice(copied));
    copied = text.length;
    const end = text.lastIndexOf("\n") + 1;
    const lines = text.slice(told, end).split("\n");
    told = end;
    for (const line of lines) {
      // What belongs to a message stands below it, indented.
      const [, level, message] = /^\S+Z (\w+) +(.+)$/.exec(line) ?? [];
      if (message !== undefined) log.tell(level === "info" ? message : `${level}: ${message}`);
    }
  });
}

/** Tells which server the act's entry in the store names, whenever that changes; "" when it names none. */
export async function observeEntry({ news, stop }: Watcher, store: TourStore, act: Act): Promise<void> {
  let last = "";
  for (;;) {
    try {
      for await (const { pairs } of store.look.watch(keyOf(act), { signal: stop.signal })) {
        const server = serverOf(pairs[0]?.value ?? "");
        if (server !== last) news.tell("entry", server, act.kind);
        last = server;
      }
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable) throw error;
      await sleep(STORE_PAUSE_MS, undefined, { signal: stop.signal });
    }
  }
}

/** Tells which servers the file at dest names that it did not name before, whenever it changes. */
export async function observeFile(watcher: Watcher, path: string): Promise<void> {
  let last = "";
  await forEver(watcher, () => {
    const text = readFileSync(path, "utf8");
    if (text === last) return;
    const before = serversIn(last);
    watcher.news.tell(
      "file",
      serversIn(text)
        .filter((server) => !before.includes(server))
        .join(", "),
    );
    last = text;
  });
}

function serversIn(config: string): string[] {
  return [...config.matchAll(/^\s+server \S+ (\S+)/gm)].map(([, server = ""]) => server);
}

/** Tells where HAProxy's servers are, whenever one gets another address, and that another worker answers on its socket. */
export async function observeHaproxy(watcher: Watcher, socket: string): Promise<void> {
  let worker = "";
  let servers: readonly string[] = [];
  await forEver(watcher, async () => {
    // In the moment of a reload nobody may answer; the next look tells.
    const answer = await cli(socket, "show info;show servers state").catch(() => "");
    const pid = /^Pid: (\d+)/m.exec(answer)?.[1];
    if (pid === undefined) return;
    const now = placesIn(answer);
    if (pid !== worker) {
      const words =
        worker === "" ? `worker ${pid} answers` : `reloaded: worker ${pid} has taken over from worker ${worker}`;
      watcher.news.tell("haproxy", words);
    }
    const fresh = now.filter((place) => !servers.includes(place));
    if (pid === worker && fresh.length > 0)
      watcher.news.tell("haproxy", `sends to ${fresh.join(", ")}, without a reload`);
    worker = pid;
    servers = now;
  });
}

/** The addresses in `show servers state` (management manual, 9.3): `be_id be_name srv_id srv_name srv_addr …`, the port 19th. */
function placesIn(answer: string): readonly string[] {
  return [...answer.matchAll(/^\d+ \S+ \d+ \S+ (\S+)(?: \S+){13} (\d+)/gm)].map(([, host, port]) => `${host}:${port}`);
}

/** Lets the client ask, without end. */
export async function observeClient({ stop }: Watcher, client: Client): Promise<void> {
  for (;;) {
    client.ask();
    await sleep(client.everyMs, undefined, { signal: stop.signal });
  }
}

async function forEver({ pace, stop }: Watcher, look: () => Promise<void> | void): Promise<never> {
  for (;;) {
    stop.signal.throwIfAborted();
    await look();
    await sleep(pace.lookMs, undefined, { signal: stop.signal });
  }
}

function serverOf(value: string): string {
  try {
    const { host, port } = JSON.parse(value) as { host?: string; port?: number };
    return `${host}:${port}`;
  } catch {
    return "";
  }
}
