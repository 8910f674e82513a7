import type { Clock } from "../core/clock.ts";
import type { Haproxy, HaproxySettings } from "../core/haproxy.ts";
import type { TemplateResource } from "../core/resource.ts";

/** The HAProxies of each resource: one object for all resources with the same `[haproxy]`. */
export function openHaproxies(clock: Clock): (resource: TemplateResource) => Haproxy | undefined {
  const bySettings = new Map<string, Haproxy>();
  return ({ haproxy: settings }) => {
    if (settings === undefined) return undefined;
    const key = JSON.stringify(settings);
    const known = bySettings.get(key) ?? loadedWhenAsked(settings, clock);
    bySettings.set(key, known);
    return known;
  };
}

/** What talks with HAProxy is loaded when there is something to say: a start with nothing to do is not to wait for it. */
function loadedWhenAsked(settings: HaproxySettings, clock: Clock): Haproxy {
  let loading: Promise<Haproxy> | undefined;
  const load = () => {
    loading ??= import("../haproxy/control.ts").then(({ createHaproxy }) => createHaproxy(settings, clock));
    return loading;
  };
  return {
    plan: async (change, call) => (await load()).plan(change, call),
    compare: async (file, call) => (await load()).compare(file, call),
    startedAtMs: async (call) => (await load()).startedAtMs(call),
    localPeers: async (call) => (await load()).localPeers(call),
    learns: async (call) => (await load()).learns(call),
    holdsUp: async (call) => (await load()).holdsUp(call),
    reload: async (order, call) => (await load()).reload(order, call),
  };
}
