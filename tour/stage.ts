import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../src/core/errors.ts";
import type { Target } from "../src/core/targets.ts";
import { withDeadline } from "../src/lib/deadline.ts";
import { haproxyPlace, startHaproxy } from "../test/support/haproxy.ts";
import { findBinary } from "../test/support/launch.ts";
import { type Executable, startProgram } from "../test/support/program.ts";
import { type Act, keyOf } from "./act.ts";
import { type Client, createClient } from "./client.ts";
import type { Journal } from "./journal.ts";
import { createNews, type News } from "./news.ts";
import { observeClient, observeEntry, observeFile, observeHaproxy, observeLog, type Pace } from "./observe.ts";
import { type Place, writeCheckers, writeResource } from "./place.ts";
import { ownKey, type TourStore } from "./store.ts";
import { inWords } from "./words.ts";

/** What one tour has from its beginning. */
export interface Tour {
  readonly journal: Journal;
  /** Ends the tour; with an error as its reason when something went wrong. */
  readonly stop: AbortController;
  /** What each program wrote so far, by its name. */
  readonly logs: Map<string, () => string>;
}

/** What must be there before anything of ours starts. */
export interface Ground {
  readonly place: Place;
  readonly store: TourStore;
  readonly acts: readonly Act[];
  /** The address of HAProxy, and of the checkers' status page. */
  readonly frontHost: string;
}

/** All that runs during a tour, and what is seen of it. */
export interface Stage extends Tour, Ground {
  readonly news: News;
  readonly pace: Pace;
  readonly clients: ReadonlyMap<Act, Client>;
  /** HAProxy's own page. */
  readonly stats: Target;
  /** The checkers' page. */
  readonly status: Target;
}

type Environment = Readonly<Record<string, string>>;

const STATS_PORT = 28_404;
const STATUS_PORT = 29_101;

/** How often a client asks while something happens to its servers, and while nothing does. */
export const BUSY_MS = 10;
const IDLE_MS = 100;

/** Starts our programs and HAProxy, in the order in which one needs the other; returns when each client is answered. */
export async function setStage(tour: Tour, ground: Ground): Promise<Stage> {
  const stage = describeStage(tour, ground);
  await startCheckers(stage);
  await renderOnce(stage);
  await startProxy(stage);
  void startRender(stage, "--watch");
  await stage.news.until("render watches", ({ source, text }) => source === "render" && text.startsWith("watching"));
  for (const client of stage.clients.values()) background(stage, observeClient(stage, client));
  for (const { kind } of stage.acts) {
    await stage.news.until(`a client of ${kind} is answered`, (sighting) => {
      return sighting.source === "client" && sighting.kind === kind && sighting.text !== "";
    });
  }
  stage.pace.brief = false;
  return stage;
}

/** Whatever was to be done before is over when the client has got its answer this often in a row. */
const CALM_ANSWERS = 40;
const CALM_TIMEOUT_MS = 15_000;

/** Waits until the client is answered by one and the same server, time after time. */
export async function untilCalm(client: Client, { stop }: Tour): Promise<void> {
  await withDeadline(`answering ${CALM_ANSWERS} requests in a row`, CALM_TIMEOUT_MS, stop.signal, async (signal) => {
    while (client.streak() < CALM_ANSWERS || client.last() === "") await sleep(1, undefined, { signal });
  });
}

/** The client of this act. */
export function clientOf({ clients }: Stage, act: Act): Client {
  const client = clients.get(act);
  if (client === undefined) throw new AppError("E_INTERNAL", `nobody asks ${act.kind}`);
  return client;
}

/** Has the clients of this act ask often, and those of the others now and then. */
export function lookAt({ clients }: Stage, act: Act | undefined): void {
  for (const [one, client] of clients) client.everyMs = one === act ? BUSY_MS : IDLE_MS;
}

/** Work that goes on beside; when it fails the tour fails with its error. */
export function background({ stop }: Tour, work: Promise<unknown>): void {
  work.catch((error) => stop.abort(error));
}

function describeStage(tour: Tour, ground: Ground): Stage {
  const { acts, frontHost: host } = ground;
  const news = createNews(tour.stop.signal);
  const pace: Pace = { lookMs: 1, brief: true };
  news.listen((sighting) => {
    if (pace.brief && sighting.source === "checkers") return;
    tour.journal.step(sighting.atMs, sighting.source, inWords(sighting, acts));
  });
  const client = (act: Act) => createClient(IDLE_MS, act.ask, (who) => news.tell("client", who, act.kind));
  const clients = new Map(acts.map((act) => [act, client(act)]));
  const stats = { host, port: STATS_PORT };
  return { ...tour, ...ground, news, pace, clients, stats, status: { host, port: STATUS_PORT } };
}

async function startCheckers(stage: Stage): Promise<void> {
  const { store, acts, news, journal, place, stop } = stage;
  for (const act of acts) ownKey(store, keyOf(act));
  writeCheckers(place, store, acts, stage.status);
  journal.step(performance.now(), "checkers", "starts: checkers --config checkers.toml, one process for all kinds");
  void run(stage, "checkers", ["--config", place.checkersToml], store.env);
  for (const act of acts) {
    background(stage, observeEntry(stage, store, act));
    const tell = (source: Parameters<News["tell"]>[0], text: string) => news.tell(source, text);
    if (act.watch !== undefined) background(stage, act.watch(tell, stop.signal));
  }
  for (const { kind } of acts) {
    await news.until(`${kind} is published`, ({ source, kind: of, text }) => {
      return source === "entry" && of === kind && text !== "";
    });
  }
}

async function renderOnce(stage: Stage): Promise<void> {
  const { place, news, acts } = stage;
  writeResource(place, acts);
  const ended = startRender(stage, "--onetime");
  await news.until("render writes haproxy.cfg", ({ source, text }) => source === "render" && text.startsWith("wrote"));
  background(stage, observeFile(stage, place.haproxyCfg));
  await ended;
}

/** Resolves when it has ended. */
function startRender(stage: Stage, how: "--onetime" | "--watch"): Promise<void> {
  const { place, store, frontHost, journal } = stage;
  journal.step(performance.now(), "render", `starts: render ${how} --confdir … --store …`);
  return run(stage, "render", [how, "--confdir", place.confdir, "--state-dir", place.stateDir, "--store", store.url], {
    ...store.env,
    // Debian's haproxy lies where a plain user's PATH does not lead.
    PATH: `${process.env["PATH"]}:${dirname(findBinary("haproxy"))}`,
    HAPROXY_BIND: frontHost,
    HAPROXY_STATS_BIND: frontHost,
    HAPROXY_STATS_PORT: `${STATS_PORT}`,
    HAPROXY_SOCKET: place.haproxySocket,
    // "-": stay who we are; and the log of each connection goes where nobody listens.
    HAPROXY_USER: "-",
    HAPROXY_LOG: `${frontHost}:514`,
  });
}

async function startProxy(stage: Stage): Promise<void> {
  const { place, journal, frontHost, acts, stop } = stage;
  stop.signal.throwIfAborted();
  const haproxy = await startHaproxy({ place: haproxyPlace(place.haproxyDir), masterWorker: true });
  writeFileSync(place.haproxyPid, `${haproxy.pid}\n`);
  const ports = acts.map(({ front }) => front.port).join(", ");
  journal.step(performance.now(), "haproxy", `master ${haproxy.pid} runs, for clients at ${frontHost}: ${ports}`);
  follow(stage, "haproxy", () => haproxy.stderr());
  background(stage, observeHaproxy(stage, place.haproxySocket));
  await stage.news.until("a worker of HAProxy answers", ({ source }) => source === "haproxy");
}

/** Starts one of our programs and follows its log; resolves when it has ended. An end with an error is the tour's. */
function run(
  stage: Stage,
  program: Exclude<Executable, "confd-haproxy">,
  args: readonly string[],
  env: Environment,
): Promise<void> {
  stage.stop.signal.throwIfAborted();
  const launched = startProgram(program, args, env);
  follow(
    stage,
    program,
    () => launched.stderr(),
    (message) => stage.news.tell(program, message),
  );
  const ended = launched.exited.then(({ code, signal }) => {
    if (code !== 0) throw new AppError("E_INTERNAL", `${program} ended with ${code ?? signal}`);
  });
  background(stage, ended);
  return ended;
}

function follow(stage: Stage, name: string, text: () => string, tell: (message: string) => void = () => {}): void {
  stage.logs.set(name, text);
  const log = { file: join(stage.place.logs, `${name}.log`), text, tell };
  background(stage, observeLog(stage, log));
}
