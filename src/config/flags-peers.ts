import type { Flag } from "./flag.ts";
import { LOG_FLAGS, STORE_FLAGS } from "./flags-common.ts";
import { RENDER_FLAGS } from "./flags-render.ts";

const WHICH = "Which HAProxies";
const WHAT = "What to ask them for";

const fromRender = (name: string): readonly Flag[] =>
  RENDER_FLAGS.filter((flag) => flag.name === name).map((flag) => ({ ...flag, section: WHICH }));

/** What every `confd-haproxy peers …` takes. */
export const PEERS_FLAGS: readonly Flag[] = [
  {
    name: "resource",
    type: "string",
    argument: "NAME",
    section: WHICH,
    description: "the template resource that is meant (default the only one with [peers])",
  },
  {
    name: "socket",
    type: "string",
    argument: "ADDR",
    repeatable: true,
    section: WHICH,
    description: "runtime socket of an HAProxy, a path or host:port; with it nothing is read from files or the store",
  },
  ...fromRender("confdir"),
  ...fromRender("config-file"),
  ...fromRender("prefix"),
  {
    name: "table",
    type: "string",
    argument: "NAME",
    section: WHAT,
    description: "stick table that remembers the writer (default table in [peers], else the only one that is shared)",
  },
  {
    name: "proxy",
    type: "string",
    argument: "NAME",
    section: WHAT,
    description: "backend or listen whose servers the table remembers (default the section that has the table)",
  },
  {
    name: "timeout",
    type: "duration",
    argument: "TIME",
    default: "2s",
    section: WHAT,
    description: "how long each HAProxy may take to answer",
  },
  ...STORE_FLAGS,
  ...LOG_FLAGS,
];

/** On top of them, for `peers status`. */
export const PEERS_STATUS_FLAGS: readonly Flag[] = [
  { name: "json", type: "boolean", section: WHAT, description: "print JSON, for programs" },
  ...PEERS_FLAGS,
];

/** On top of them, for `peers switch`. */
export const PEERS_SWITCH_FLAGS: readonly Flag[] = [
  {
    name: "force",
    type: "boolean",
    section: "Switch",
    description: "also to a server that is not up everywhere, and when an HAProxy cannot be asked",
  },
  ...PEERS_FLAGS,
];
