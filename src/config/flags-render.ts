import type { Flag } from "./flag.ts";
import { LOG_FLAGS, STORE_FLAGS } from "./flags-common.ts";

const MODE = "How long to run";
const WHAT = "What to render";
const HOW = "How to render";

/** Everything `render` takes. */
export const RENDER_FLAGS: readonly Flag[] = [
  { name: "watch", type: "boolean", section: MODE, description: "keep going: follow the store (the default)" },
  {
    name: "onetime",
    type: "boolean",
    section: MODE,
    description: "one pass, then exit: 0 all is as it should be, 1 something failed",
  },
  {
    name: "interval",
    type: "duration",
    argument: "TIME",
    section: MODE,
    description: "keep going, but ask the store at this interval instead of watching it, e.g. 30s",
  },
  {
    name: "confdir",
    type: "string",
    argument: "DIR",
    default: "/etc/confd-haproxy",
    section: WHAT,
    description: "folder with conf.d/ and templates/",
  },
  {
    name: "config-file",
    type: "string",
    argument: "FILE",
    section: WHAT,
    description: "TOML with any of these options (default <confdir>/confd-haproxy.toml, if it is there)",
  },
  {
    name: "prefix",
    type: "string",
    argument: "PREFIX",
    default: "",
    section: WHAT,
    description: "put in front of each resource's own prefix; templates see keys without it",
  },
  {
    name: "resource",
    type: "string",
    argument: "NAME",
    section: WHAT,
    description: "only this template resource: its file's name below conf.d without .toml",
  },
  {
    name: "missing",
    type: "enum",
    values: ["error", "default", "wait"],
    default: "error",
    section: HOW,
    description: "what a template's look-up of a missing key does",
  },
  {
    name: "noop",
    type: "boolean",
    section: HOW,
    description: "one pass that writes and runs nothing, and says what it would do",
  },
  { name: "diff", type: "boolean", section: HOW, description: "with --noop: show the difference" },
  {
    name: "sync-only",
    type: "boolean",
    section: HOW,
    description: "write the files, run no check_cmd and no reload_cmd",
  },
  { name: "keep-stage-file", type: "boolean", section: HOW, description: "leave what was staged at <dest>.staged" },
  {
    name: "allow-shrink",
    type: "boolean",
    section: HOW,
    description: "believe empty or shrunk data that the guard holds back",
  },
  {
    name: "splay",
    type: "duration",
    argument: "TIME",
    default: "0s",
    section: HOW,
    description: "a change waits a random time up to this, so that a fleet does not reload at once",
  },
  {
    name: "state-dir",
    type: "string",
    argument: "DIR",
    section: HOW,
    env: ["STATE_DIRECTORY"],
    description: "folder that remembers which files are applied (default /var/lib/confd-haproxy, or below your home)",
  },
  {
    name: "status-port",
    type: "integer",
    argument: "PORT",
    section: MODE,
    description:
      "while it runs, serve /healthz, /status and /metrics over HTTP on this port: the HAProxies with [peers]",
  },
  {
    name: "status-bind",
    type: "string",
    argument: "ADDRESS",
    default: "127.0.0.1",
    section: MODE,
    description: "address for --status-port",
  },
  ...STORE_FLAGS,
  ...LOG_FLAGS,
];
