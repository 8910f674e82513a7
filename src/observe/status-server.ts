import type { Server } from "node:http";
import type { Clock } from "../core/clock.ts";
import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { PeersReading } from "../core/peers-status.ts";
import type { AgentActivity, GroupStatus } from "../core/status.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createHandler } from "./status-handler.ts";
import { listen, type StatusOptions } from "./status-listen.ts";
import { makeReport } from "./status-report.ts";
import type { Sources } from "./status-routes.ts";

/** What the status is made of. */
export interface StatusDeps {
  /** Asked at each request, never between. */
  groups(): readonly GroupStatus[];
  /** Undefined without an agent port. */
  agent?(): AgentActivity | undefined;
  /** Only of a process that renders: HAProxies with one writer, as they were asked last. */
  peers?(): readonly PeersReading[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  /** Ends the server. */
  readonly signal: AbortSignal;
}

/** The status over HTTP, while it runs. */
export interface StatusServer {
  /** `127.0.0.1:9101`, `[::1]:9101` */
  readonly address: string;
  /** Stops listening and ends every connection; safe to call twice. The signal does the same. */
  close(): Promise<void>;
}

/** So many clients at a time: a few Prometheus servers, load balancers and people. More are turned away. */
const MAX_CONNECTIONS = 32;

/** Longest request line with headers, bytes. */
const MAX_HEADER_BYTES = 8_192;

/** How long a client may take over each part of a conversation, ms. */
const LIMITS_MS = { headers: 5_000, request: 10_000, idle: 5_000, check: 1_000 } as const;

/**
 * Serves the status until the signal aborts or it is closed. Rejects with E_USAGE and E_CONFIG as {@link listen}.
 * Nothing that a client does ends the process, holds more than a bounded piece of memory, or is logged.
 */
export async function startStatusServer(options: StatusOptions, deps: StatusDeps): Promise<StatusServer> {
  deps.signal.throwIfAborted();
  const { createServer } = await import("node:http");
  const stop = new AbortController();
  const { sources, release } = createSources(deps, stop.signal);
  const handle = createHandler(sources, deps.logger, stop.signal);
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: LIMITS_MS.headers,
      requestTimeout: LIMITS_MS.request,
      keepAliveTimeout: LIMITS_MS.idle,
      connectionsCheckingInterval: LIMITS_MS.check,
    },
    handle,
  );
  server.maxConnections = MAX_CONNECTIONS;
  const address = await listen(server, options);
  // a page about the process is no reason for it to go on
  server.unref();
  server.on("error", (error) => deps.logger.warn("status over HTTP", { err: errorText(error) }));
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= shutDown();
    return closing;
  };
  const onAbort = () => void close();
  async function shutDown(): Promise<void> {
    deps.signal.removeEventListener("abort", onAbort);
    stop.abort(new Error("the status server is closed"));
    await end(server);
    await release();
  }
  deps.signal.addEventListener("abort", onAbort, { once: true });
  if (deps.signal.aborted) await close();
  deps.signal.throwIfAborted();
  deps.logger.info("status over HTTP", { url: `http://${address}/` });
  return { address, close };
}

/** Nobody waits for a client that keeps its connection, or reads slowly. */
function end(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Opened {
  readonly sources: Sources;
  /** Lets go of what was made on the way. */
  release(): Promise<void>;
}

function createSources({ groups, agent, peers, clock, version }: StatusDeps, signal: AbortSignal): Opened {
  const startedMs = clock.wallMs();
  let metrics: Promise<Metrics> | undefined;
  const peersNow = () => (peers === undefined ? {} : { peers: peers() });
  return {
    sources: {
      report: () => makeReport({ version, startedMs, nowMs: clock.wallMs(), groups: groups(), ...peersNow() }),
      metrics() {
        metrics ??= createMetrics(
          { version, startedMs },
          {
            ...{ groups, clock, signal },
            ...(agent === undefined ? {} : { agent }),
            ...(peers === undefined ? {} : { peers }),
          },
        );
        return metrics;
      },
    },
    async release() {
      // that they could not be made was told to whoever asked for them
      const made = await metrics?.catch(() => undefined);
      made?.close();
    },
  };
}
