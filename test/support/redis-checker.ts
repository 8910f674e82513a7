import { readFileSync } from "node:fs";
import { join } from "node:path";
import { redismaster } from "../../checkers/redismaster.ts";
import { runGroup } from "../../src/check/group.ts";
import type { GroupOptions } from "../../src/check/options.ts";
import { ask } from "../../src/check/probe.ts";
import type { Probe, Service } from "../../src/core/checker.ts";
import type { OptionValues } from "../../src/core/option.ts";
import type { Target } from "../../src/core/targets.ts";
import type { Verdict } from "../../src/core/verdict.ts";
import { systemClock } from "../../src/lib/system-clock.ts";
import { openStore } from "../../src/stores/open.ts";
import { createCaptureLogger } from "./capture-logger.ts";
import { eventually } from "./eventually.ts";
import { groupOptions } from "./group-options.ts";
import { MASTER_NAME } from "./redis.ts";
import { releaseLater } from "./releases.ts";
import type { Server } from "./server.ts";
import { serviceContext } from "./service-context.ts";
import { tempDir } from "./temp-dir.ts";

/** Far more than a server on this machine needs, and far less than a test may take. */
export const PATIENCE_MS = 5_000;

/** Where a server is, as options name it. */
export function targetOf({ address, port }: Server): Target {
  return { host: address, port };
}

/** The options that name these servers and these Sentinels. */
export function valuesFor(servers: readonly Server[], sentinels: readonly Server[] = []): OptionValues {
  return {
    ...(servers.length === 0 ? {} : { server: servers.map(targetOf) }),
    ...(sentinels.length === 0 ? {} : { sentinel: sentinels.map(targetOf), "master-name": MASTER_NAME }),
  };
}

/** A service of the kind without a group around it, and what it logs. It ends with the test. */
export interface Asking {
  readonly service: Service;
  readonly messages: () => string[];
  /** One verdict about a server, over a connection that is kept. */
  verdict(server: Server | Target, timeoutMs?: number): Promise<Verdict>;
  probe(server: Server | Target): Probe;
}

/** Makes a service that a test asks by hand. */
export function startAsking(values: OptionValues): Asking {
  const logger = createCaptureLogger();
  const service = redismaster.create(values, serviceContext({ logger, who: "redismaster r1" }));
  releaseLater("service", () => service.close());
  const probes = new Map<string, Probe>();
  const probe = (server: Server | Target) => {
    const target = "host" in server ? server : targetOf(server);
    const name = `${target.host}:${target.port}`;
    const known = probes.get(name);
    if (known !== undefined) return known;
    const opened = service.open(target);
    releaseLater("probe", () => opened.close());
    probes.set(name, opened);
    return opened;
  };
  return {
    service,
    messages: () => logger.messages(),
    probe,
    verdict: (server, timeoutMs = PATIENCE_MS) => ask(probe(server), timeoutMs, new AbortController().signal),
  };
}

/** A whole checker over a folder, until the test ends. */
export interface RunningRedisChecker {
  readonly folder: string;
  readonly messages: () => string[];
  /** The server that is published, as `host:port`, or undefined. */
  published(): string | undefined;
  /** Every server that was published, in order; only changes. */
  history(): readonly string[];
  stop(): Promise<void>;
}

const TAG = "r1";

/** Starts a checker with the defaults of the command line. */
export async function startRedisChecker(
  values: OptionValues,
  more: Partial<GroupOptions> = {},
  folder: string = tempDir("store"),
): Promise<RunningRedisChecker> {
  const logger = createCaptureLogger();
  const store = await openStore({ type: "file", path: folder }, { clock: systemClock, logger: createCaptureLogger() });
  releaseLater("store", () => store.close());
  const controller = new AbortController();
  const options: GroupOptions = { ...DEFAULTS, ...more, values };
  const running = runGroup(options, {
    checker: redismaster,
    store,
    clock: systemClock,
    logger,
    signal: controller.signal,
  });
  running.catch(() => {});
  const stop = async () => {
    controller.abort(new Error("the test is over"));
    await running;
  };
  releaseLater("checker", stop);
  return {
    folder,
    messages: () => logger.messages(),
    published: () => publishedIn(folder),
    // The checker is the only one who writes, and says so each time.
    history: () => logger.messages().flatMap((line) => /: (\S+) is published/.exec(line)?.[1] ?? []),
    stop,
  };
}

const DEFAULTS = groupOptions({ tag: TAG });

function publishedIn(folder: string): string | undefined {
  try {
    const entry = JSON.parse(readFileSync(join(folder, "haproxy/redismaster", TAG), "utf8")) as Target;
    return `${entry.host}:${entry.port}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Waits until the entry names this server. */
export async function untilPublished(checker: RunningRedisChecker, server: Server): Promise<void> {
  try {
    await eventually(`${server.server} is published`, () => checker.published() === server.server);
  } catch (error) {
    throw new Error(`the log was:\n${checker.messages().join("\n")}`, { cause: error });
  }
}
