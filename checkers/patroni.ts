import { readFileSync } from "node:fs";
import type { Checker, ServiceContext } from "../src/core/checker.ts";
import { isHost, isPort } from "../src/core/entry.ts";
import { AppError } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import type { Target } from "../src/core/targets.ts";
import { createPassword } from "./patroni/password.ts";
import { openProbe, type PatroniPlan } from "./patroni/probe.ts";
import { parseRole, type WantedRole } from "./patroni/roles.ts";

const OPTIONS: readonly OptionSpec[] = [
  { name: "tag", type: "string", default: "patroni", argument: "NAME", description: "name of this cluster" },
  {
    name: "patroni-host",
    short: "h",
    type: "string",
    argument: "HOST",
    description: "host of the server and of its Patroni",
  },
  {
    name: "pgisready-port",
    short: "r",
    type: "integer",
    aliases: ["pg-is-ready-port"],
    argument: "PORT",
    description: "port of PgBouncer, or of PostgreSQL, on that host",
  },
  {
    name: "server",
    type: "targets",
    argument: "h:p,h:p",
    description: "instead of these two, for several servers: their PgBouncers, each with Patroni on the same host",
  },
  { name: "patroni-port", short: "o", type: "integer", default: 8_008, description: "port of Patroni's REST API" },
  {
    name: "patroni-healthcheck",
    short: "k",
    type: "string",
    default: "primary",
    argument: "ROLE",
    description: "health check of Patroni to go by: primary, replica, replica?lag=1MB, synchronous, read-only ...",
  },
  {
    name: "patroni-scheme",
    type: "enum",
    values: ["http", "https"],
    default: "http",
    description: "how to talk to Patroni",
  },
  { name: "patroni-ca", type: "string", argument: "PATH", description: "with https: CA of Patroni's certificate" },
  { name: "patroni-verify", type: "boolean", default: true, description: "check Patroni's certificate" },
  {
    name: "user",
    type: "string",
    argument: "USER",
    description: "log in as this user and ask pg_is_in_recovery(): proves that queries reach the right server",
  },
  { name: "password", type: "string", secret: true, description: "that user's password" },
  {
    name: "password-file",
    type: "string",
    argument: "PATH",
    description: "file with that user's password, read anew for each login",
  },
  { name: "database", type: "string", default: "postgres", argument: "NAME", description: "database to connect to" },
  { name: "timeout", type: "duration", default: "1s", description: "the longest a server may take to answer" },
  {
    name: "pgisready-path",
    short: "x",
    type: "string",
    aliases: ["pg-is-ready-path"],
    argument: "PATH",
    description: "taken for the sake of old command lines, without effect: pg_isready is not run",
  },
  {
    name: "agent-port",
    short: "p",
    type: "integer",
    default: 5_555,
    aliases: ["port"],
    argument: "PORT",
    description: "answer HAProxy's agent-check on this port; 0 for none",
  },
  {
    name: "agent-bind",
    type: "string",
    repeatable: true,
    default: "*",
    argument: "ADDRESS,...",
    description: "addresses to answer on; * for all, unix:/path for a socket",
  },
];

/** PostgreSQL under Patroni, behind PgBouncer or not. */
export const patroni: Checker = {
  kind: "patroni",
  summary:
    "the PostgreSQL server that Patroni calls the primary (or what else is asked for) and that takes connections",
  proxyportOffset: 10_000,
  options: OPTIONS,
  exclusive(options) {
    const { isSingle, inRecovery } = roleOf(options);
    if (!isSingle) return undefined;
    return `say that they are the ${inRecovery === false ? "primary" : "leader"}`;
  },
  create(options, { logger, who }: ServiceContext) {
    const targets = targetsOf(options);
    const plan = planOf(options);
    if (text(options, "pgisready-path") !== undefined) {
      logger.info(`${who}: --pgisready-path has no effect: pg_isready is not run`);
    }
    if (!plan.role.isKnown) {
      logger.warn(
        `${who}: /${plan.role.endpoint} is no health check that we know: Patroni says no to what it does not know`,
      );
    }
    return { discover: async () => targets, open: (target) => openProbe(target, plan), close: async () => {} };
  },
};

function targetsOf(options: OptionValues): readonly Target[] {
  const { server, "patroni-host": host } = options;
  if (Array.isArray(server) && server.length > 0) {
    if (host !== undefined) throw new AppError("E_USAGE", "--server and --patroni-host exclude each other");
    return server as readonly Target[];
  }
  const port = portOf(options, "pgisready-port");
  if (!isHost(host) || port === undefined) {
    throw new AppError("E_USAGE", "--patroni-host and --pgisready-port must say which server", {
      hint: "or --server h:p,h:p for several",
    });
  }
  return [{ host, port }];
}

function planOf(options: OptionValues): PatroniPlan {
  return {
    scheme: options["patroni-scheme"] === "https" ? "https" : "http",
    restPort: portOf(options, "patroni-port") ?? 8_008,
    role: roleOf(options),
    ca: readCa(text(options, "patroni-ca")),
    verify: options["patroni-verify"] !== false,
    user: text(options, "user"),
    password: createPassword(text(options, "password"), text(options, "password-file")),
    database: text(options, "database") ?? "postgres",
  };
}

/** A text that was given and is not empty, as a variable of a unit may be. */
function text(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function roleOf(options: OptionValues): WantedRole {
  const word = String(options["patroni-healthcheck"] ?? "primary");
  const role = parseRole(word);
  if (role !== undefined) return role;
  throw new AppError("E_USAGE", `--patroni-healthcheck: "${word}" is no health check of Patroni`);
}

function portOf(options: OptionValues, name: string): number | undefined {
  const port = options[name];
  if (port === undefined || isPort(port)) return port as number | undefined;
  throw new AppError("E_USAGE", `--${name} must be a port from 1 to 65535 (is ${String(port)})`);
}

function readCa(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AppError("E_CONFIG", `--patroni-ca: cannot read ${path}`, { cause });
  }
}
