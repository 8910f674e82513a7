import type { Checker, Service, ServiceContext } from "../src/core/checker.ts";
import { isHost, isPort } from "../src/core/entry.ts";
import { AppError } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import { type Target, targetName } from "../src/core/targets.ts";
import { createDiscovery } from "./mysql/discovery.ts";
import { createFactsBoard } from "./mysql/facts.ts";
import { createKnownReplicas } from "./mysql/known.ts";
import { createLogin } from "./mysql/login.ts";
import { LOGIN_OPTIONS } from "./mysql/login-options.ts";
import { createMaster } from "./mysql/master.ts";
import { createNames } from "./mysql/names.ts";
import { openMasterProbe, openReplicaProbe, type ProbeContext } from "./mysql/probes.ts";

const OPTIONS: readonly OptionSpec[] = [
  { name: "host", type: "string", required: true, argument: "HOST", description: "the master" },
  { name: "port", type: "integer", default: 3_306, description: "the master's port" },
  ...LOGIN_OPTIONS,
  {
    name: "replicas",
    type: "targets",
    argument: "h:p,h:p",
    description: "the replicas in order of preference; without it the master is asked for them",
  },
  { name: "max-lag", type: "duration", default: "30s", description: "the most that a replica may be behind" },
  {
    name: "require-read-only",
    type: "boolean",
    description: "a replica that takes writes (read_only is OFF) is not healthy",
  },
  { name: "recurse", type: "boolean", description: "take replicas of replicas as well" },
  {
    name: "replica-port",
    type: "integer",
    argument: "PORT",
    description: "port of replicas that do not report one (default the master's)",
  },
  {
    name: "fallback",
    type: "enum",
    values: ["master", "keep", "remove"],
    default: "master",
    description: "when no replica is healthy: publish the master, keep the entry as it is, or remove it",
  },
];

/** MySQL and MariaDB replicas: healthy when they replicate from the master and are not far behind. */
export const mysqlslave: Checker = {
  kind: "mysqlslave",
  summary: "a replica of a MySQL or MariaDB master, or the master when none is healthy",
  proxyportOffset: 10_050,
  options: OPTIONS,
  create: createService,
};

function createService(options: OptionValues, context: ServiceContext): Service {
  const { clock } = context;
  const target = masterTarget(options);
  const login = createLogin(options);
  const master = createMaster(target, login, clock);
  const known = createKnownReplicas(clock);
  const names = createNames(clock);
  const recurse = options["recurse"] === true;
  const discovery = createDiscovery({
    ...{ master, known, names, login, recurse, context },
    user: String(options["user"]),
    replicas: namedReplicas(options),
    replicaPort: portOf(options, "replica-port") ?? target.port,
    withMaster: (options["fallback"] ?? "master") === "master",
  });
  const probes: ProbeContext = {
    ...{ master, known, names, login, recurse, clock },
    board: createFactsBoard(clock),
    maxLagMs: durationOf(options, "max-lag", 30_000),
    requireReadOnly: options["require-read-only"] === true,
  };
  return {
    basePort: target.port,
    discover: (call) => discovery.discover(call),
    open: (one) =>
      targetName(one) === targetName(target) ? openMasterProbe(one, probes) : openReplicaProbe(one, probes),
    close: async () => discovery.close(),
  };
}

function masterTarget(options: OptionValues): Target {
  const { host } = options;
  if (!isHost(host)) {
    throw new AppError(
      "E_USAGE",
      host === undefined ? "--host must name the master" : `--host: "${String(host)}" is not a host`,
    );
  }
  return { host, port: portOf(options, "port") ?? 3_306 };
}

function portOf(options: OptionValues, name: string): number | undefined {
  const port = options[name];
  if (port === undefined || isPort(port)) return port as number | undefined;
  throw new AppError("E_USAGE", `--${name} must be a port from 1 to 65535 (is ${String(port)})`);
}

function durationOf(options: OptionValues, name: string, defaultMs: number): number {
  const ms = options[name];
  return typeof ms === "number" ? ms : defaultMs;
}

function namedReplicas(options: OptionValues): readonly Target[] | undefined {
  const { replicas } = options;
  return Array.isArray(replicas) && replicas.length > 0 ? (replicas as readonly Target[]) : undefined;
}
