import type { Registry } from "prom-client";
import type { Clock } from "../core/clock.ts";
import type { PeersReading } from "../core/peers-status.ts";
import type { AgentActivity, GroupStatus } from "../core/status.ts";
import { createAgentMetrics } from "./metrics-agent.ts";
import { type Add, GROUP_FAMILIES } from "./metrics-families.ts";
import { createPeersMetrics } from "./metrics-peers.ts";
import { createProcessMetrics, type ProcessFacts } from "./metrics-process.ts";

/** In front of the names of {@link GROUP_FAMILIES}. */
const PREFIX = "confd_haproxy_";

/** What the metrics are made of. */
export interface MetricsDeps {
  groups(): readonly GroupStatus[];
  /** Undefined without an agent port. */
  agent?(): AgentActivity | undefined;
  /** Only of a process that renders. */
  peers?(): readonly PeersReading[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The text that Prometheus reads. */
export interface Metrics {
  readonly contentType: string;
  /**
   * Asks for the groups and writes all metrics, one family after the other, with other work between them: for a
   * thousand tags it takes some 20 ms, and no probe should wait for that. Calls that come meanwhile share the answer.
   * Rejects with the signal's reason.
   */
  scrape(): Promise<string>;
  close(): void;
}

/** Loads the library. The registries are our own, so that nothing is left behind in a global one. */
export async function createMetrics(facts: ProcessFacts, deps: MetricsDeps): Promise<Metrics> {
  const { Registry } = await import("prom-client");
  const ofProcess = new Registry();
  const processMetrics = await createProcessMetrics(ofProcess, facts);
  const checks = deps.peers === undefined;
  const updateAgent = checks ? await createAgentMetrics(ofProcess, () => deps.agent?.()) : () => {};
  const updatePeers = await createPeersMetrics(ofProcess, () => deps.peers?.());
  const writers = checks ? await createWriters(new Registry()) : [];
  let running: Promise<string> | undefined;

  async function scrape(): Promise<string> {
    const groups = deps.groups();
    processMetrics.update();
    updateAgent();
    updatePeers();
    const parts = [await ofProcess.metrics()];
    for (const writer of writers) {
      await deps.clock.sleep(0, deps.signal);
      parts.push(await writer.write(groups));
    }
    return parts.join("\n");
  }

  return {
    contentType: ofProcess.contentType,
    scrape() {
      running ??= scrape().finally(() => {
        running = undefined;
      });
      return running;
    },
    close: () => processMetrics.close(),
  };
}

/** One family in a registry. */
interface Writer {
  /** All its series, which are forgotten again: those of a thousand tags would keep megabytes of labels. */
  write(groups: readonly GroupStatus[]): Promise<string>;
}

async function createWriters(registry: Registry): Promise<readonly Writer[]> {
  const { Counter, Gauge } = await import("prom-client");
  return GROUP_FAMILIES.map((family) => {
    const name = `${PREFIX}${family.name}`;
    const options = { name, help: family.help, labelNames: family.labels, registers: [registry] };
    const metric = family.type === "gauge" ? new Gauge(options) : new Counter(options);
    const add: Add =
      metric instanceof Gauge
        ? (labels, value) => metric.set(labels, value)
        : (labels, value) => metric.inc(labels, value);
    return {
      async write(groups) {
        for (const group of groups) family.sample(group, add);
        const text = await registry.getSingleMetricAsString(name);
        metric.reset();
        return `${text}\n`;
      },
    };
  });
}
