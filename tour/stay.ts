import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { targetName } from "../src/core/targets.ts";
import { type Act, keyOf, type Player } from "./act.ts";
import { netcat } from "./memcached.ts";
import { background, clientOf, type Stage } from "./stage.ts";

const REPOSITORY = join(import.meta.dirname, "..");
const COMEBACK_MS = 3_000;
const LOOK_MS = 100;

/** How often each client asks while a person plays. */
const ASK_MS = 200;

/** Mends all, and leaves it running until the tour is told to stop; goes on telling what happens. */
export async function stay(stage: Stage): Promise<void> {
  const { journal, pace, acts, clients, stop } = stage;
  pace.lookMs = 20;
  for (const client of clients.values()) client.everyMs = ASK_MS;
  journal.chapter("It goes on (ms since here)", performance.now());
  await Promise.all(acts.map((act) => mend(stage, act)));
  const inUse = await Promise.all(acts.map((act) => untilAtBest(stage, act)));
  for (const { players, crew } of acts) {
    for (const player of [...players, ...crew]) background(stage, keepComingBack(stage, player));
  }
  sayWhatToTry(stage, inUse);
  if (!stop.signal.aborted) await once(stop.signal, "abort");
}

async function mend({ news, stop }: Stage, { players }: Act): Promise<void> {
  for (const player of players) {
    stop.signal.throwIfAborted();
    const ended = !player.server.running;
    await player.mend();
    if (ended) news.tell("server", `${player.name} is back, pid ${player.server.pid}`);
  }
}

/** Who answers the act's client, once that is somebody who should. */
async function untilAtBest(stage: Stage, act: Act): Promise<Player> {
  const client = clientOf(stage, act);
  for (;;) {
    const player = act.players.find(({ name }) => name === client.last());
    if (player !== undefined && act.isAtBest(player)) return player;
    await sleep(LOOK_MS, undefined, { signal: stage.stop.signal });
  }
}

/** Starts it again 3 s after it has ended, so that a person can go on killing. */
async function keepComingBack({ news, stop }: Stage, { name, server, mend }: Player): Promise<never> {
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal: stop.signal });
    if (server.running) continue;
    news.tell("server", `${name} has ended; it comes back in ${COMEBACK_MS / 1_000} s`);
    await sleep(COMEBACK_MS, undefined, { signal: stop.signal });
    await mend();
    news.tell("server", `${name} is back, pid ${server.pid}`);
  }
}

function sayWhatToTry(stage: Stage, inUse: readonly Player[]): void {
  const { journal, acts, stats, status } = stage;
  const tell = ([words, command]: readonly [string, string]) => {
    journal.line(`\n  ${words}`);
    journal.command(command);
  };
  journal.line(
    "\nIt keeps running until Ctrl-C, and what happens is told below. Whoever is killed comes back after 3 s.",
  );
  journal.line("What to try:");
  for (const one of generalTries(stage)) tell(one);
  acts.forEach((act, at) => {
    const player = inUse[at];
    if (player !== undefined) act.tries(player).forEach(tell);
  });
  journal.line(`\n  The checkers' own page:  http://${targetName(status)}/`);
  journal.line(`  HAProxy's own page:      http://${targetName(stats)}/\n`);
}

function generalTries({ acts, place, store, status }: Stage): readonly (readonly [string, string])[] {
  const kv = "node dist/confd-haproxy.js kv";
  return [
    ["In another terminal, first:", `cd ${REPOSITORY}\nexport CONFD_HAPROXY_STORE=${store.url}`],
    ["Look at the entries:", acts.map((act) => `${kv} get ${keyOf(act)}`).join("\n")],
    ["See what the checkers think of each server, and why:", `curl -s http://${targetName(status)}/`],
    ["Look at what is checked, and at what was rendered:", `cat ${place.checkersToml}\ncat ${place.haproxyCfg}`],
    ["Ask HAProxy:", netcat(`"${place.haproxySocket}"`, "show servers state")],
    ["Follow the logs of the checkers, of render and of HAProxy:", `tail -f ${place.logs}/*.log`],
  ];
}
