import { join } from "node:path";
import { loadResources } from "../config/resources.ts";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { StoreOptions } from "../core/store-options.ts";
import type { Supervisor } from "../core/supervisor.ts";
import type { Template } from "../core/template-engine.ts";
import { BUILD } from "../core/version.ts";
import { once } from "../render/once.ts";
import type { Outcome } from "../render/outcome.ts";
import { createPipeline, type Pipeline, type RenderOptions } from "../render/pipeline.ts";
import { openRecords } from "../render/records.ts";
import { createReloader, type Reloader } from "../render/reloader.ts";
import { createReport, type Report } from "../render/report.ts";
import { watch } from "../render/watch.ts";
import { openStore } from "../stores/open.ts";
import { createTemplateEngine } from "../templating/engine.ts";

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
  readonly reloader: Reloader;
  readonly report: Report;
  /** Throws E_TEMPLATE for the first template that does not compile. */
  compileAll(): void;
}

/** Runs `render`. True when all is as it should be (one-shot) or it was told to stop (service). Throws AppError. */
export async function runRender(request: RenderRequest, world: RenderWorld): Promise<boolean> {
  const graph = buildGraph(request, world);
  const store = await openStore(request.store, world);
  try {
    if (!request.onetime) return await serve(request, world, { graph, store });
    const filesOnly = request.options.noop || request.options.syncOnly;
    const onOutcome = (pipeline: Pipeline, outcome: Outcome) => {
      if (outcome.result === "would-change") world.onWouldChange(pipeline.resource.dest, outcome.before, outcome.after);
    };
    return await once({ ...graph, store, filesOnly, hardStop: world.hardStop, onOutcome }, world.stop);
  } finally {
    await store.close();
  }
}

/** Serves until told to stop; a SIGHUP swaps in a new graph if it builds, at the end of the step in hand. */
async function serve(
  request: RenderRequest,
  world: RenderWorld,
  start: { graph: Graph; store: Awaited<ReturnType<typeof openStore>> },
): Promise<boolean> {
  const { logger, stop } = world;
  let graph = start.graph;
  let turn = new AbortController();
  let next: Graph | undefined;
  const stopTurn = () => turn.abort(stop.reason);
  stop.addEventListener("abort", stopTurn, { once: true });
  world.onHangup(() => {
    try {
      next = buildGraph(request, world);
      next.compileAll();
      logger.info("re-read configuration, templates and resources");
      turn.abort(new Error("configuration re-read"));
    } catch (error) {
      next = undefined;
      logger.error(`what was read on SIGHUP is not used: ${errorText(error)}`, {
        hint: "the old configuration stays in force",
      });
    }
  });
  const { options, splayMs, intervalMs } = request;
  logger.info("watching", { store: start.store.name, resources: graph.pipelines.length });
  while (!stop.aborted) {
    await watch(
      { ...world, ...graph, store: start.store, syncOnly: options.syncOnly, splayMs, intervalMs },
      turn.signal,
    );
    graph = next ?? graph;
    next = undefined;
    turn = new AbortController();
  }
  stop.removeEventListener("abort", stopTurn);
  world.supervisor.stopping();
  logger.info("stopped");
  return true;
}

function buildGraph(request: RenderRequest, world: RenderWorld): Graph {
  const { confdir, prefix, only, options, stateDir } = request;
  const { clock, logger, env } = world;
  const resources = loadResources(confdir, { prefix, ...(only === undefined ? {} : { only }) });
  const cache = { dir: join(stateDir, "compiled"), version: BUILD };
  const engine = createTemplateEngine({ templatesDir: join(confdir, "templates"), env, cache });
  const records = openRecords(stateDir);
  const report = createReport(logger);
  const templates: (() => Template)[] = [];
  const pipelines = resources.map((resource) => {
    const template = memoised(() => engine.compile(resource.src, resource.escape));
    templates.push(template);
    const onWarnings = (warnings: readonly string[]) => report.warnings(resource, warnings);
    return createPipeline(resource, { template, records, clock, options, onWarnings });
  });
  return {
    pipelines,
    report,
    reloader: createReloader(resources, { records, clock, logger }),
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
