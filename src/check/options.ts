import { parseReply } from "../core/agent-grammar.ts";
import type { AgentRules } from "../core/agent-line.ts";
import type { Checker, Service } from "../core/checker.ts";
import type { Thresholds } from "../core/damper.ts";
import { isPort } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";
import { exclusiveWords } from "../core/exclusive.ts";
import type { OptionSpec, OptionValues } from "../core/option.ts";
import type { Rules } from "../core/policy.ts";
import type { Target } from "../core/targets.ts";

/** The flags that every checker has beside its own, with their defaults. */
export const CHECK_OPTIONS = [
  {
    name: "tag",
    type: "string",
    required: true,
    argument: "NAME",
    description: "name of this group of servers: the last part of its key and the name of its listen section",
  },
  {
    name: "interval",
    type: "duration",
    default: "1s",
    description: "time between two rounds of probes; 0: only when HAProxy asks the agent",
  },
  { name: "timeout", type: "duration", default: "500ms", description: "the longest a server may take to answer" },
  {
    name: "fall",
    type: "integer",
    default: 2,
    description: "failed probes in a row, milliseconds apart, until a server counts as down",
  },
  {
    name: "rise",
    type: "integer",
    default: 1,
    description: "good probes in a row until a server that was down counts as up again",
  },
  {
    name: "pulse",
    type: "duration",
    default: "50ms",
    description: "time between two pings of the published server, to find one that hangs; 0 for none",
  },
  {
    name: "publish",
    type: "enum",
    values: ["one", "all", "writer"],
    default: "one",
    description: "one healthy server, all of them as a list, or the one that gets the writes, under a lock (galera)",
  },
  {
    name: "min-servers",
    type: "integer",
    default: 0,
    description: "with --publish all: with fewer healthy servers, take the least lagging ones as well",
  },
  {
    name: "fallback",
    type: "enum",
    values: ["keep", "remove"],
    default: "keep",
    description: "when no server is healthy: keep the entry as it is, or remove it",
  },
  {
    name: "ha",
    type: "boolean",
    description: "hold the entry under a Consul session lock: of several checkers only one writes",
  },
  {
    name: "manual-recovery",
    type: "boolean",
    description: "a server that was down stays down until confd-haproxy agent recover, also across restarts",
  },
  { name: "recover", type: "boolean", description: "with --manual-recovery: at the start let go of who was held down" },
  {
    name: "stale-after",
    type: "duration",
    description: "the agent does not believe a verdict older than this (default 3 rounds, at least 5s)",
  },
  {
    name: "on-starting",
    type: "string",
    default: "",
    argument: "LINE",
    description: "the agent's answer before the first verdict (default an empty line: no opinion)",
  },
  {
    name: "on-stale",
    type: "string",
    default: "down #stale",
    argument: "LINE",
    description: "its answer when the last verdict is too old",
  },
  {
    name: "on-unknown",
    type: "string",
    default: "",
    argument: "LINE",
    description: "its answer when the check cannot tell (default an empty line: no opinion)",
  },
  {
    name: "on-stopping",
    type: "string",
    default: "",
    argument: "LINE",
    description: "its answer while this process ends, see --stop-delay (default an empty line: no opinion)",
  },
  {
    name: "ready-for",
    type: "duration",
    default: "10s",
    description: "how long the agent says ready after a drain or maint of its own; longer than HAProxy's agent-inter",
  },
  {
    name: "once",
    type: "boolean",
    description: "probe, decide, write, then exit: 0 if the published server is up, 1 if not",
  },
  { name: "dry-run", type: "boolean", description: "write nothing, only say what would be written" },
  { name: "proxyport", type: "integer", description: "port that clients use, instead of server port plus offset" },
  { name: "proxyport-offset", type: "integer", description: "added to the first server's port to get the proxyport" },
  { name: "verbose", type: "boolean", description: "log one line per probe" },
] as const satisfies readonly OptionSpec[];

/** Validated options of one tag. */
export interface GroupOptions {
  readonly tag: string;
  /** The checker's own options. */
  readonly values: OptionValues;
  /** 0: servers are asked only when the agent is. */
  readonly intervalMs: number;
  /** For each probe. */
  readonly timeoutMs: number;
  readonly thresholds: Thresholds;
  /** What `--proxyport` and `--proxyport-offset` say; the first wins. */
  readonly proxyport: { readonly port?: number; readonly offset?: number };
  /** Between two pings of the published server; 0: none. */
  readonly pulseMs: number;
  readonly publish: Rules["publish"];
  /** With `all`: with fewer healthy servers, those that lag are taken as well. */
  readonly minServers: number;
  /** What becomes of the entry when no server is healthy. */
  readonly fallback: "keep" | "remove";
  /** Only whoever holds the store's lock on the entry writes it. */
  readonly ha: boolean;
  /** What is answered on the agent port. */
  readonly agent: AgentRules;
  /** How long `ready` is said after a drain or maint of our own, ms. */
  readonly readyForMs: number;
  /** A server that was down stays down until a person says otherwise. */
  readonly manualRecovery: boolean;
  /** Whoever is held down by that is let go at the start. */
  readonly recover: boolean;
  /** Say what would be written, write nothing. */
  readonly dryRun: boolean;
  /** A debug line per probe. */
  readonly verbose: boolean;
  /** When the second round begins, after the start: spreads many tags over the interval, see {@link phaseOf}. */
  readonly phaseMs?: number;
}

/** Throws E_USAGE when the options make no sense, together or for this kind. */
export function validateGroup(options: GroupOptions, checker: Checker): void {
  const { intervalMs, timeoutMs, thresholds, pulseMs } = options;
  if (intervalMs < 10 && intervalMs !== 0) throw usage("--interval must be at least 10ms, or 0 for none");
  if (timeoutMs < 1) throw usage("--timeout must be at least 1ms");
  for (const name of ["rise", "fall"] as const) {
    const count = thresholds[name];
    if (!Number.isInteger(count) || count < 1) throw usage(`--${name} must be a whole number from 1`);
  }
  if (pulseMs !== 0 && pulseMs < 10) throw usage("--pulse must be at least 10ms, or 0 for none");
  validatePublish(options, checker);
  validateAgent(options);
}

function validatePublish({ minServers, publish, values }: GroupOptions, checker: Checker): void {
  if (minServers < 0) throw usage("--min-servers must be 0 or more");
  if (minServers > 0 && publish !== "all") throw usage("--min-servers goes with --publish all");
  if (publish === "writer" && checker.hasWriter !== true) {
    throw usage(`--publish writer is for clusters of which every node takes writes (galera), not for ${checker.kind}`);
  }
  if (publish === "all" && exclusiveWords(checker, values) !== undefined) {
    throw usage(`--publish all makes no sense for ${checker.kind}: only one server can rightly be published`);
  }
}

function validateAgent({ agent, intervalMs }: GroupOptions): void {
  for (const name of ["onStarting", "onStale", "onUnknown", "onStopping"] as const) {
    const flag = `--${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
    const [wrong] = parseReply(agent[name]).unknown;
    if (wrong === undefined && !/[^\x20-\x7e]/.test(agent[name])) continue;
    throw usage(`${flag}: HAProxy does not understand "${wrong ?? agent[name]}"`, AGENT_WORDS);
  }
  if (agent.staleAfterMs <= intervalMs) throw usage("--stale-after must be longer than --interval");
}

const AGENT_WORDS =
  'the words are up, down, drain, maint, ready, 50%, maxconn:10, and a reason behind " #"; "" is no opinion';

/**
 * The port that clients connect to. It belongs to the tag, not to the server in use: it comes from the port
 * of the server that is listed first, so that a failover to a server with another port moves no listener.
 * Throws E_USAGE when it is no port.
 */
export function proxyportOf(options: GroupOptions["proxyport"], defaultOffset: number, firstPort: number): number {
  const { port, offset = defaultOffset } = options;
  const proxyport = port ?? firstPort + offset;
  if (isPort(proxyport)) return proxyport;
  const how = port === undefined ? `${firstPort} + ${offset} = ${proxyport}` : `${port}`;
  throw usage(`the proxyport must be from 1 to 65535 (is ${how})`, "set it with --proxyport or --proxyport-offset");
}

/** What the default proxyport of a group is counted from. */
interface ProxyportBase {
  readonly checker: Checker;
  readonly service: Service;
  readonly members: readonly { readonly target: Target }[];
}

/** {@link proxyportOf} for a group; called only when there is a member. */
export function groupProxyport(options: GroupOptions, { checker, service, members }: ProxyportBase): number {
  const port = service.basePort ?? members[0]?.target.port;
  if (port === undefined) throw new AppError("E_INTERNAL", "there is no server to take the proxyport from");
  return proxyportOf(options.proxyport, checker.proxyportOffset, port);
}

/** The offset of the `index`-th of `count` tags, so that their probes are spread evenly over the interval. */
export function phaseOf(index: number, count: number, intervalMs: number): number {
  return count === 0 ? 0 : (index % count) * (intervalMs / count);
}

/** All tags of a process together are pinged about this often, so that many of them do not keep it from its rounds. */
const PINGS_PER_SECOND = 1_000;

/** The pulse of each of `count` tags: `pulseMs`, or longer where there are many; 0, none, when it is no faster than the rounds. */
export function pulseOf(pulseMs: number, count: number, intervalMs: number): number {
  const affordedMs = Math.max(pulseMs, (count * 1_000) / PINGS_PER_SECOND);
  return pulseMs === 0 || affordedMs >= intervalMs ? 0 : affordedMs;
}

function usage(message: string, hint?: string): AppError {
  return new AppError("E_USAGE", message, hint === undefined ? {} : { hint });
}
