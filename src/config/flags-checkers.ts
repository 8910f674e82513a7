import type { Flag } from "./flag.ts";
import { STORE_FLAGS, STORE_SECTION } from "./flags-common.ts";

/** How to reach the store, for who also holds locks in it. */
export const CHECKERS_STORE_FLAGS: readonly Flag[] = [
  ...STORE_FLAGS,
  {
    name: "ha-check",
    type: "string",
    argument: "ID,...",
    repeatable: true,
    section: STORE_SECTION,
    description: "with --ha: ids of Consul checks of the agent's node that free the lock at once when they fail",
  },
];

/** Beside the options of each tag: what concerns the process. */
export const PROCESS_FLAGS: readonly Flag[] = [
  {
    name: "plugin",
    type: "string",
    argument: "FILE",
    repeatable: true,
    description: "JavaScript file that exports a checker of your own; may be given several times",
  },
  {
    name: "status-port",
    type: "integer",
    argument: "PORT",
    description: "serve /healthz, /readyz, /status and /metrics over HTTP on this port",
  },
  {
    name: "status-bind",
    type: "string",
    argument: "ADDRESS",
    default: "127.0.0.1",
    description: "address for --status-port",
  },
];

/** Where a tag's own options may stand beside the command line. */
export const CONF_FLAG: Flag = {
  name: "conf",
  type: "string",
  argument: "FILE",
  description: "ini file whose section [<tag>] holds options of this kind, passwords too; followed when it changes",
};
