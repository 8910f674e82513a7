import type { Registry } from "prom-client";
import type { HaproxyPeers, PeersReading } from "../core/peers-status.ts";

/** Registers what the HAProxies say that share a stick table; the returned function takes it anew. */
export async function createPeersMetrics(
  registry: Registry,
  read: () => readonly PeersReading[] | undefined,
): Promise<() => void> {
  // Who has no such HAProxies says nothing of them.
  if (read() === undefined) return () => {};
  const { Gauge } = await import("prom-client");
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[]) =>
    new Gauge({ name: `confd_haproxy_peers_${name}`, help, labelNames, registers });
  const agree = gauge("agree", "1 while all HAProxies that could be asked have the same writer, or none has one yet.", [
    "resource",
  ]);
  const good = gauge(
    "good",
    "1 while all HAProxies answer, agree, are connected with each other, and their writer is up.",
    ["resource"],
  );
  const active = gauge("active_server", "1 for the server that the stick table of this HAProxy names.", [
    "resource",
    "haproxy",
    "server",
  ]);
  const connected = gauge("connected", "How many of the other HAProxies this one is connected with.", [
    "resource",
    "haproxy",
  ]);
  const up = gauge("haproxy_up", "1 if this HAProxy answers on its runtime socket.", ["resource", "haproxy"]);
  const all = [agree, good, active, connected, up];

  function tellOne(resource: string, { name: haproxy, problem, active: server, peers }: HaproxyPeers): void {
    up.set({ resource, haproxy }, Number(problem === undefined));
    if (problem !== undefined) return;
    if (server !== undefined) active.set({ resource, haproxy, server }, 1);
    connected.set({ resource, haproxy }, (peers ?? []).filter(({ isConnected }) => isConnected).length);
  }

  return () => {
    for (const metric of all) metric.reset();
    for (const { status, verdict } of read() ?? []) {
      const { resource = "" } = status;
      agree.set({ resource }, Number(verdict.agrees));
      good.set({ resource }, Number(verdict.isGood));
      for (const haproxy of status.haproxies) tellOne(resource, haproxy);
    }
  };
}
