import type { GroupOptions } from "../../src/check/options.ts";

/** What a group is told when nothing else is said: the defaults of the flags. */
export function groupOptions(options: Partial<GroupOptions> = {}): GroupOptions {
  const { intervalMs = 1_000, timeoutMs = 500 } = options;
  const staleAfterMs = Math.max(5_000, 3 * (intervalMs + timeoutMs));
  return {
    tag: "t",
    values: {},
    intervalMs,
    timeoutMs,
    thresholds: { rise: 1, fall: 2 },
    pulseMs: 50,
    publish: "one",
    minServers: 0,
    fallback: "keep",
    ha: false,
    proxyport: {},
    agent: { staleAfterMs, onStarting: "", onStale: "down #stale", onUnknown: "", onStopping: "" },
    manualRecovery: false,
    recover: false,
    readyForMs: 10_000,
    dryRun: false,
    verbose: false,
    ...options,
  };
}
