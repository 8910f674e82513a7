import type { Registry } from "prom-client";
import type { AgentActivity } from "../core/status.ts";

/** Registers what the agent port does; the returned function reads it anew. Without a port all of it stays at 0. */
export async function createAgentMetrics(
  registry: Registry,
  read: () => AgentActivity | undefined,
): Promise<() => void> {
  const { Counter, Gauge } = await import("prom-client");
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name: `confd_haproxy_agent_${name}`, help, registers });
  const answered = counter("answers_total", "Questions of HAProxy's agent-check that were answered.");
  const refused = counter("refused_total", "Connections to the agent port of those who are not in --allow.");
  const dropped = counter("dropped_total", "Connections to the agent port that had to make room for newer ones.");
  const open = new Gauge({
    name: "confd_haproxy_agent_connections",
    help: "Connections to the agent port that are open now.",
    registers,
  });
  return () => {
    const now = read() ?? { answered: 0, refused: 0, dropped: 0, open: 0 };
    for (const [metric, value] of [
      [answered, now.answered],
      [refused, now.refused],
      [dropped, now.dropped],
    ] as const) {
      metric.reset();
      metric.inc(value);
    }
    open.set(now.open);
  };
}
