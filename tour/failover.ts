import { AppError } from "../src/core/errors.ts";
import type { Memcached } from "./memcached.ts";
import type { Sighting, Source } from "./news.ts";
import type { Stage } from "./stage.ts";

/** When each thing was seen, in ms since the kill. */
export interface Failover {
  readonly noticedMs: number;
  readonly writtenMs: number;
  readonly inPlaceMs: number;
  readonly reloadedMs: number;
  readonly answeredMs: number;
  /** Requests from the kill to that answer that got none. */
  readonly unanswered: number;
  readonly from: Memcached;
  readonly to: Memcached;
}

/** Kills the memcached that answers the client, and waits until the other one does. */
export async function failOver(stage: Stage): Promise<Failover> {
  const { memcacheds, news, client } = stage;
  const { text: inUse } = await news.until("a client is answered", ({ source }) => source === "client");
  const from = memcacheds.find(({ name }) => name === inUse);
  const to = memcacheds.find(({ name }) => name !== inUse);
  if (from === undefined || to === undefined) throw new AppError("E_INTERNAL", `the client was answered by "${inUse}"`);

  const killMs = performance.now();
  process.kill(from.server.pid, "SIGKILL");
  client.forget();
  stage.journal.chapter(`The memcached in use dies (ms since the kill)`, killMs);
  stage.journal.step(killMs, "memcached", `${from.name} killed: kill -9 ${from.server.pid}`);

  const seen = async (what: string, source: Source, fits: (text: string) => boolean) => {
    const sighting = await news.until(what, (one: Sighting) => one.source === source && fits(one.text), killMs);
    return sighting.atMs - killMs;
  };
  const down = `${from.server.server} is down`;
  const [noticedMs, writtenMs, inPlaceMs, reloadedMs, [answeredMs, unanswered]] = await Promise.all([
    seen(`the checker notices that ${from.name} is down`, "checker", (text) => text.includes(down)),
    seen(`the entry points to ${to.name}`, "entry", (text) => text === to.server.server),
    seen(`haproxy.cfg names ${to.name}`, "file", (text) => text === to.server.server),
    seen("HAProxy reloads", "haproxy", () => true),
    seen(`${to.name} answers the client`, "client", (text) => text === to.name).then(
      (ms) => [ms, client.unanswered()] as const,
    ),
    seen("render has accepted the file", "render", (text) => text.startsWith("wrote")),
    seen("render has run reload_cmd", "render", (text) => text.startsWith("reloaded")),
  ]);
  return { noticedMs, writtenMs, inPlaceMs, reloadedMs, answeredMs, unanswered, from, to };
}

/** The failover in six lines. */
export function summarize({ journal }: Stage, failover: Failover): void {
  const { noticedMs, writtenMs, inPlaceMs, reloadedMs, answeredMs, unanswered, from, to } = failover;
  const requests = unanswered === 1 ? "1 request" : `${unanswered} requests`;
  journal.line(`\nFrom the kill of ${from.name} to`);
  journal.took(noticedMs, "the checker noticed");
  journal.took(writtenMs, `the entry in the store points to ${to.name}`);
  journal.took(inPlaceMs, "the new haproxy.cfg is in place, after haproxy -c accepted it");
  journal.took(reloadedMs, "HAProxy reloaded: a new worker answers");
  journal.took(answeredMs, `the first client's answer from ${to.name}; ${requests} until then got none`);
}
