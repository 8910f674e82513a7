import type { Flag } from "./flag.ts";
import { STORE_FLAGS, STORE_SECTION } from "./flags-common.ts";

/** How to reach the store, for who also holds locks in it. */
export const CHECKERS_STORE_FLAGS: readonly Flag[] = [
  ...STORE_FLAGS.map((flag) =>
    flag.name === "store"
      ? { ...flag, description: `${flag.description}, or none: publish nothing (the default with an agent port)` }
      : flag,
  ),
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
    name: "state-dir",
    type: "string",
    argument: "DIR",
    env: ["STATE_DIRECTORY"],
    description:
      "folder for what must outlive a restart, such as who is held down (default /var/lib/confd-haproxy, or below your home)",
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
  description: "ini file whose section [<tag>] holds options of this kind, passwords too; read again when it changes",
};

/** The heading of {@link AGENT_FLAGS}. */
export const AGENT_SECTION = "The agent-check port";

/** The port on which HAProxy's agent-check is answered; in a configuration file the table `[agent]`, without `agent-`. */
export const AGENT_FLAGS: readonly Flag[] = [
  {
    name: "agent-port",
    type: "integer",
    argument: "PORT",
    section: AGENT_SECTION,
    description: "answer HAProxy's agent-check on this port; 0 for none",
  },
  {
    name: "agent-bind",
    type: "string",
    argument: "ADDRESS,...",
    default: "127.0.0.1",
    repeatable: true,
    section: AGENT_SECTION,
    description: "addresses to answer on, with a port of their own if need be; * for all, unix:/path for a socket",
  },
  {
    name: "allow",
    type: "string",
    argument: "CIDR,...",
    repeatable: true,
    section: AGENT_SECTION,
    description: "networks that may ask, such as 10.0.0.0/24 (default everybody)",
  },
  {
    name: "agent-default",
    type: "string",
    argument: "TAG",
    section: AGENT_SECTION,
    description: "tag that is meant where there are several and HAProxy names none by agent-send",
  },
  {
    name: "stop-delay",
    type: "duration",
    default: "0s",
    section: AGENT_SECTION,
    description: "how long to go on answering, by --on-stopping, after SIGTERM",
  },
];
