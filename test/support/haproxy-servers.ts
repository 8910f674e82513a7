import type { ConfiguredServer } from "../../src/haproxy/difference.ts";
import type { RunningServer } from "../../src/haproxy/servers-state.ts";

/** `b/s1` at 10.0.0.1:3306 with weight 10, as a file says it; with what differs. */
export function configuredServer(differs: Partial<ConfiguredServer>): ConfiguredServer {
  return {
    backend: "b",
    server: "s1",
    address: "10.0.0.1",
    port: 3306,
    weight: 10,
    disabled: false,
    hasAgent: false,
    hasCheck: false,
    ...differs,
  };
}

/** The same server as HAProxy runs it. */
export function runningServer(differs: Partial<RunningServer>): RunningServer {
  return {
    backend: "b",
    server: "s1",
    address: "10.0.0.1",
    port: 3306,
    weight: 10,
    initialWeight: 10,
    operState: 2,
    adminState: 0,
    hasCheck: false,
    hasAgent: false,
    isChecked: false,
    isAgentChecked: false,
    checkAddress: undefined,
    checkPort: 0,
    agentAddress: undefined,
    agentPort: 0,
    fqdn: undefined,
    ...differs,
  };
}
