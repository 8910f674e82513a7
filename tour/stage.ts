import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../src/core/errors.ts";
import { type Target, targetName } from "../src/core/targets.ts";
import { withDeadline } from "../src/lib/deadline.ts";
import { haproxyPlace, startHaproxy } from "../test/support/haproxy.ts";
import { findBinary } from "../test/support/launch.ts";
import { loopbackPrefix } from "../test/support/loopback.ts";
import { type Executable, startProgram } from "../test/support/program.ts";
import { type Client, createClient } from "./client.ts";
import type { Journal } from "./journal.ts";
import { type Memcached, startNamed } from "./memcached.ts";
import { createNews, type News } from "./news.ts";
import { observeClient, observeEntry, observeFile, observeLog, observeWorker, type Pace } from "./observe.ts";
import { type Place, writeResource } from "./place.ts";
import type { TourStore } from "./store.ts";
import { inWords } from "./words.ts";

/** What one tour has from its beginning. */
export interface Tour {
  readonly journal: Journal;
  /** Ends the tour; with an error as its reason when something went wrong. */
  readonly stop: AbortController;
  /** What each program wrote so far, by its name. */
  readonly logs: Map<string, () => string>;
}

/** All that runs during a tour, and what is seen of it. */
export interface Stage extends Tour {
  readonly place: Place;
  readonly store: TourStore;
  readonly memcacheds: readonly Memcached[];
  readonly news: News;
  readonly pace: Pace;
  /** Where clients connect. */
  readonly front: Target;
  readonly statsUrl: string;
  readonly client: Client;
}

type Environment = Readonly<Record<string, string>>;

const PROXY_PORT = 26_211;
const STATS_PORT = 28_404;

/** Starts everything, in the order in which one needs the other; returns when a client got its first answer. */
export async function setStage(tour: Tour, place: Place, store: TourStore): Promise<Stage> {
  const stage = await startServers(tour, place, store);
  await startChecker(stage);
  await renderOnce(stage);
  await startProxy(stage);
  void startRender(stage, "--watch");
  await stage.news.until("render watches", ({ source, text }) => source === "render" && text.startsWith("watching"));
  background(stage, observeClient(stage, stage.client));
  await stage.news.until("a client is answered", ({ source, text }) => source === "client" && text !== "");
  await untilCalm(stage);
  return stage;
}

/** Whatever start-up still has to do is over when the client has got its answer this often in a row. */
const CALM_ANSWERS = 100;
const CALM_TIMEOUT_MS = 15_000;

async function untilCalm({ client, journal, stop }: Stage): Promise<void> {
  const calm = async (signal: AbortSignal) => {
    while (client.streak() < CALM_ANSWERS) await sleep(1, undefined, { signal });
  };
  await withDeadline(`answering ${CALM_ANSWERS} requests in a row`, CALM_TIMEOUT_MS, stop.signal, calm);
  journal.step(performance.now(), "client", `has had ${client.streak()} answers in a row, each on a new connection`);
}

/** Work that goes on beside; when it fails the tour fails with its error. */
export function background({ stop }: Tour, work: Promise<unknown>): void {
  work.catch((error) => stop.abort(error));
}

async function startServers(tour: Tour, place: Place, store: TourStore): Promise<Stage> {
  const { journal, stop } = tour;
  const prefix = await loopbackPrefix();
  const [a, b] = await Promise.all([
    startNamed("A", `${prefix}.2`, place.dir),
    startNamed("B", `${prefix}.3`, place.dir),
  ]);
  for (const { name, server } of [a, b]) {
    journal.step(performance.now(), "memcached", `${name} answers at ${server.server}, pid ${server.pid}`);
  }
  const news = createNews(stop.signal);
  news.listen((sighting) => journal.step(sighting.atMs, sighting.source, inWords(sighting, [a, b])));
  const front = { host: `${prefix}.1`, port: PROXY_PORT };
  const client = createClient(front, (who) => news.tell("client", who));
  const statsUrl = `http://${prefix}.1:${STATS_PORT}/`;
  return { ...tour, place, store, memcacheds: [a, b], news, pace: { fileMs: 1, askMs: 5 }, front, statsUrl, client };
}

async function startChecker(stage: Stage): Promise<void> {
  const { store, memcacheds, news, journal } = stage;
  const servers = memcacheds.map(({ server }) => server.server).join(",");
  journal.step(performance.now(), "checker", `starts: checkers memcached --server A,B --tag ${store.tag} --store …`);
  void run(stage, "checkers", ["memcached", "--server", servers, "--tag", store.tag, "--store", store.url], store.env);
  background(stage, observeEntry(stage, store));
  await news.until("the checker publishes", ({ source, text }) => source === "entry" && text !== "");
}

async function renderOnce(stage: Stage): Promise<void> {
  const { place, news } = stage;
  writeResource(place, stage.store);
  const ended = startRender(stage, "--onetime");
  await news.until("render writes haproxy.cfg", ({ source, text }) => source === "render" && text.startsWith("wrote"));
  background(stage, observeFile(stage, place.haproxyCfg));
  await ended;
}

/** Resolves when it has ended. */
function startRender(stage: Stage, how: "--onetime" | "--watch"): Promise<void> {
  const { place, store, front, journal } = stage;
  journal.step(performance.now(), "render", `starts: render ${how} --confdir … --store …`);
  return run(stage, "render", [how, "--confdir", place.confdir, "--state-dir", place.stateDir, "--store", store.url], {
    ...store.env,
    // Debian's haproxy lies where a plain user's PATH does not lead.
    PATH: `${process.env["PATH"]}:${dirname(findBinary("haproxy"))}`,
    HAPROXY_BIND: front.host,
    HAPROXY_STATS_BIND: front.host,
    HAPROXY_STATS_PORT: `${STATS_PORT}`,
    HAPROXY_SOCKET: place.haproxySocket,
    // "-": stay who we are; and the log of each connection goes where nobody listens.
    HAPROXY_USER: "-",
    HAPROXY_LOG: `${front.host}:514`,
  });
}

async function startProxy(stage: Stage): Promise<void> {
  const { place, journal, front, stop } = stage;
  stop.signal.throwIfAborted();
  const haproxy = await startHaproxy({ place: haproxyPlace(place.haproxyDir), masterWorker: true });
  writeFileSync(place.haproxyPid, `${haproxy.pid}\n`);
  const now = performance.now();
  journal.step(now, "haproxy", `master ${haproxy.pid} runs; clients connect to ${targetName(front)}`);
  follow(stage, "haproxy", () => haproxy.stderr());
  background(stage, observeWorker(stage, place.haproxySocket));
  await stage.news.until("a worker of HAProxy answers", ({ source }) => source === "haproxy");
}

/** Starts one of our programs and follows its log; resolves when it has ended. An end with an error is the tour's. */
function run(stage: Stage, program: Executable, args: readonly string[], env: Environment): Promise<void> {
  stage.stop.signal.throwIfAborted();
  const source = program === "checkers" ? "checker" : "render";
  const launched = startProgram(program, args, env);
  follow(
    stage,
    source,
    () => launched.stderr(),
    (message) => stage.news.tell(source, message),
  );
  const ended = launched.exited.then(({ code, signal }) => {
    if (code !== 0) throw new AppError("E_INTERNAL", `${source} ended with ${code ?? signal}`);
  });
  background(stage, ended);
  return ended;
}

function follow(stage: Stage, name: string, text: () => string, tell: (message: string) => void = () => {}): void {
  stage.logs.set(name, text);
  const log = { file: join(stage.place.logs, `${name}.log`), text, tell };
  background(stage, observeLog(stage, log));
}
