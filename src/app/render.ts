import { join } from "node:path";
import { loadResources } from "../config/resources.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Store } from "../core/store.ts";
import type { StoreOptions } from "../core/store-options.ts";
import type { Supervisor } from "../core/supervisor.ts";
import type { Template } from "../core/template-engine.ts";
import { BUILD, VERSION } from "../core/version.ts";
import { createLocalPeer } from "../render/local-peer.ts";
import { once } from "../render/once.ts";
import type { Outcome } from "../render/outcome.ts";
import { createPipeline, type Pipeline, type RenderOptions } from "../render/pipeline.ts";
import { openRecords } from "../render/records.ts";
import { createReloader, type Reloader } from "../render/reloader.ts";
import { createReport, type Report } from "../render/report.ts";
import { watch } from "../render/watch.ts";
import { openStore } from "../stores/open.ts";
import { createTemplateEngine } from "../templating/engine.ts";
import { openHaproxies } from "./haproxies.ts";
import { createPeersAnnouncer, type LocalResource, type PeersAnnouncer } from "./peers-announce.ts";
import { followInstances } from "./peers-instances.ts";
import type { PeersWatch } from "./peers-watch.ts";

/** What the user asked `render` to do. */
export interface RenderRequest {
  /** Once and out; else until told to stop. */
  readonly onetime: boolean;
  readonly confdir: string;
  readonly prefix: string;
  readonly only: string | undefined;
  readonly stateDir: string;
  /** Ask at this interval instead of watching, ms. */
  readonly intervalMs: number | undefined;
  readonly splayMs: number;
  readonly options: RenderOptions;
  readonly store: StoreOptions;
  /** Where the status of HAProxies with `[peers]` is served while it watches; a SIGHUP changes nothing of it. */
  readonly status: { readonly bind: string; readonly port: number } | undefined;
}

/** The world as `render` meets it. */
export interface RenderWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly supervisor: Supervisor;
  /** Aborts on the first SIGTERM: finish the step in hand. */
  readonly stop: AbortSignal;
  /** Aborts when patience ends: running commands are killed. */
  readonly hardStop: AbortSignal;
  /** Registers what SIGHUP does. */
  readonly onHangup: (listener: () => void) => void;
  /** Shown what `--noop` would change. */
  readonly onWouldChange: (dest: string, before: string, after: string) => void;
}

/** Everything that comes from the configuration, and is made anew by SIGHUP. */
interface Graph {
  readonly pipelines: readonly Pipeline[];
  readonly locals: readonly LocalResource[];
  readonly reloader: Reloader;
  readonly report: Report;
  /** Throws E_TEMPLATE for the first template that does not compile. */
  compileAll(): void;
}

/** One reading of the configuration, and what was made of it. */
interface Session {
  readonly request: RenderRequest;
  readonly graph: Graph;
  readonly store: Store;
}

/**
 * Runs `render`. True when all is as it should be (one-shot) or it was told to stop (service). Throws AppError.
 * `read` reads the options; a SIGHUP calls it again.
 */
export async function runRender(read: () => RenderRequest, world: RenderWorld): Promise<boolean> {
  const session = await openSession(read, world);
  if (!session.request.onetime) return serve(session, read, world);
  const { graph, store, request } = session;
  try {
    const filesOnly = request.options.noop || request.options.syncOnly;
    const onOutcome = (pipeline: Pipeline, outcome: Outcome) => {
      if (outcome.result === "would-change") world.onWouldChange(pipeline.resource.dest, outcome.before, outcome.after);
    };
    return await once({ ...graph, store, filesOnly, hardStop: world.hardStop, onOutcome }, world.stop);
  } finally {
    await store.close();
  }
}

async function openSession(read: () => RenderRequest, world: RenderWorld): Promise<Session> {
  const request = read();
  return { request, graph: buildGraph(request, world), store: await openStore(request.store, world) };
}

/** Announces the HAProxies of this machine for as long as it serves. */
async function serve(first: Session, read: () => RenderRequest, world: RenderWorld): Promise<true> {
  const peersWatch = await serveStatus(first.request, world);
  const announcer = createPeersAnnouncer(world);
  // At once, not behind the step in hand: a reload may take its time.
  const withdraw = () => void announcer.close();
  world.stop.addEventListener("abort", withdraw, { once: true });
  try {
    await serveSessions(first, { read, announcer, peersWatch }, world);
  } finally {
    world.stop.removeEventListener("abort", withdraw);
    await announcer.close();
    await peersWatch?.end();
  }
  world.supervisor.stopping();
  world.logger.info("stopped");
  return true;
}

/** Before anything else: a port that is taken is a mistake to be told at once. */
async function serveStatus({ status }: RenderRequest, world: RenderWorld): Promise<PeersWatch | undefined> {
  if (status === undefined) return undefined;
  const [{ startStatusServer }, { watchPeers }] = await Promise.all([
    import("../observe/status-server.ts"),
    import("./peers-watch.ts"),
  ]);
  const { clock, logger, stop } = world;
  let watching: PeersWatch | undefined;
  const peers = () => watching?.readings() ?? [];
  await startStatusServer(status, { groups: () => [], peers, clock, logger, version: VERSION, signal: stop });
  watching = watchPeers({ clock, logger });
  return watching;
}

/** What outlives a session. */
interface Lasting {
  readonly read: () => RenderRequest;
  readonly announcer: PeersAnnouncer;
  readonly peersWatch: PeersWatch | undefined;
}

/** Serves until told to stop; a SIGHUP swaps in a new session if it is good, at the end of the step in hand. */
async function serveSessions(
  first: Session,
  { read, announcer, peersWatch }: Lasting,
  world: RenderWorld,
): Promise<void> {
  const { logger, stop } = world;
  let session = first;
  let next: Session | undefined;
  let turn = new AbortController();
  const stopTurn = () => turn.abort(stop.reason);
  stop.addEventListener("abort", stopTurn, { once: true });
  const reread = async () => {
    const candidate = await tryAgain(read, world);
    if (candidate === undefined) return;
    await next?.store.close();
    next = candidate;
    turn.abort(new Error("configuration re-read"));
  };
  const onChange = (path: string) => {
    logger.info(`${path} says another number of HAProxies`);
    void reread();
  };
  world.onHangup(() => void reread());
  logger.info("watching", { store: session.store.name, resources: session.graph.pipelines.length });
  while (!stop.aborted) {
    const { request, graph, store } = session;
    const { splayMs, intervalMs } = request;
    try {
      const resources = graph.locals.map(({ resource }) => resource);
      peersWatch?.follow(resources, request.store);
      void followInstances(resources, { clock: world.clock, signal: turn.signal, onChange });
      await announcer.update(graph.locals, request.store);
      await watch({ ...world, ...graph, store, syncOnly: request.options.syncOnly, splayMs, intervalMs }, turn.signal);
    } finally {
      await store.close();
    }
    session = next ?? session;
    next = undefined;
    turn = new AbortController();
  }
  await next?.store.close();
  stop.removeEventListener("abort", stopTurn);
}

/** A new session in which every template compiles; or undefined, with the reason in the log. */
async function tryAgain(read: () => RenderRequest, world: RenderWorld): Promise<Session | undefined> {
  try {
    const session = await openSession(read, world);
    session.graph.compileAll();
    world.logger.info("re-read configuration, templates and resources");
    return session;
  } catch (error) {
    const hint = "the old configuration stays in force";
    world.logger.error(`what was read anew is not used: ${errorText(error)}`, { hint });
    return undefined;
  }
}

function buildGraph(request: RenderRequest, world: RenderWorld): Graph {
  const { confdir, prefix, only, options, stateDir } = request;
  const { clock, logger, env } = world;
  const resources = loadResources(confdir, { prefix, ...(only === undefined ? {} : { only }) });
  const cache = options.noop ? {} : { cache: { dir: join(stateDir, "compiled"), version: BUILD } };
  const engine = createTemplateEngine({ templatesDir: join(confdir, "templates"), env, ...cache });
  const records = openRecords(stateDir, { readOnly: options.noop });
  const report = createReport(logger);
  const haproxyOf = openHaproxies(clock);
  const templates: (() => Template)[] = [];
  const locals: LocalResource[] = [];
  const pipelines = resources.map((resource) => {
    const template = memoised(() => engine.compile(resource.src, resource.escape));
    templates.push(template);
    const onWarnings = (warnings: readonly string[]) => report.warnings(resource, warnings);
    const haproxy = haproxyOf(resource);
    const tell = report.agreement(resource);
    const localPeer = createLocalPeer(resource.peers, haproxy);
    locals.push({ resource, localPeer });
    return createPipeline(resource, {
      ...{ template, records, clock, options, haproxy, tell, localPeer, onWarnings },
      readPeers: async (text) => (await import("../haproxy/peers-section.ts")).readPeers(text),
    });
  });
  return {
    pipelines,
    locals,
    report,
    reloader: createReloader(resources, { records, clock, logger, haproxyOf }),
    compileAll() {
      for (const template of templates) template();
    },
  };
}

/** Compiles when first asked, and again after a failure: a mended template is picked up by the next try. */
function memoised(compile: () => Template): () => Template {
  let template: Template | undefined;
  return () => {
    template ??= compile();
    return template;
  };
}
