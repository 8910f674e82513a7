import { once } from "node:events";
import { join } from "node:path";
import type { Failover } from "./failover.ts";
import { keepComingBack, startAgain } from "./memcached.ts";
import { background, type Stage } from "./stage.ts";

const REPOSITORY = join(import.meta.dirname, "..");

/** Leaves everything running until the tour is told to stop, and goes on telling what happens. */
export async function stay(stage: Stage, { from, to }: Failover): Promise<void> {
  const { journal, pace, news, stop, memcacheds } = stage;
  pace.fileMs = 20;
  pace.askMs = 200;
  const startMs = performance.now();
  journal.chapter("It goes on (ms since here)", startMs);
  await startAgain(from);
  news.tell("memcached", `${from.name} is back, pid ${from.server.pid}; ${to.name} works, so nothing moves`);
  await news.until(
    `the checker sees ${from.name} again`,
    ({ source, text }) => source === "checker" && text.includes(`${from.server.server} is up`),
    startMs,
  );
  for (const memcached of memcacheds) background(stage, keepComingBack(memcached, news, stop.signal));
  sayWhatToTry(stage, { from, to });
  if (!stop.signal.aborted) await once(stop.signal, "abort");
}

function sayWhatToTry(
  { journal, place, store, front, statsUrl }: Stage,
  { from, to }: Pick<Failover, "from" | "to">,
): void {
  const kv = "node dist/confd-haproxy.js kv";
  const entry = JSON.stringify({
    name: store.tag,
    host: from.server.address,
    port: from.server.port,
    proxyport: front.port,
  });
  const connect = (to: string, words: string) =>
    `node -e 'require("net").connect(${to})\n  .end("${words}\\n").pipe(process.stdout)'`;
  const tries: readonly (readonly [string, string])[] = [
    ["In another terminal, first:", `cd ${REPOSITORY}\nexport CONFD_HAPROXY_STORE=${store.url}`],
    ["Look at the entry:", `${kv} get ${store.key}`],
    ["Ask as a client does:", connect(`${front.port},"${front.host}"`, "get who\\r")],
    [`Kill ${to.name}, which is in use now (a dead memcached comes back after 3 s):`, `kill -9 $(cat ${to.pidFile})`],
    [`Change the entry by hand, to ${from.name}:`, `${kv} put ${store.key} \\\n  '${entry}'`],
    ["Look at what was rendered:", `cat ${place.haproxyCfg}`],
    ["Ask HAProxy:", connect(`"${place.haproxySocket}"`, "show servers state")],
    ["Follow the logs of the checker, of render and of HAProxy:", `tail -f ${place.logs}/*.log`],
  ];
  journal.line("\nIt keeps running until Ctrl-C, and what happens is told below. What to try:");
  for (const [what, command] of tries) {
    journal.line(`\n  ${what}`);
    journal.command(command);
  }
  journal.line(`\n  HAProxy's own page: ${statsUrl}\n`);
}
