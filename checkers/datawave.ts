import type { Checker } from "../src/core/checker.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import { readDatawaveFile } from "./http/datawave-file.ts";
import type { HttpRules } from "./http/judge.ts";
import { createHttpService, parseUrls } from "./http/service.ts";
import { parseStatuses } from "./http/statuses.ts";
import { parseReductions } from "./http/weight.ts";

const FOREIGN = "The DataWave agent's";

const OPTIONS: readonly OptionSpec[] = [
  { name: "tag", type: "string", default: "datawave", argument: "NAME", description: "name of this group of servers" },
  {
    name: "url",
    type: "string",
    repeatable: true,
    default: "http://localhost:8080/DataWave/Common/Health/health",
    argument: "URL,...",
    description: "DataWave's health page; several for several servers",
  },
  {
    name: "weight-by",
    type: "string",
    repeatable: true,
    default: "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0.3",
    argument: "PATH:FACTOR,...",
    description: "what takes something off the weight",
  },
  {
    name: "on-503",
    type: "enum",
    values: ["drain", "down", "unknown"],
    default: "drain",
    description: "what status 503 means: too many queries, or it is being shut down",
  },
  { name: "timeout", type: "duration", default: "2s", description: "the longest a server may take to answer" },
  { name: "config", short: "c", type: "string", argument: "FILE", description: `${FOREIGN} YAML file, as it is` },
  {
    name: "skip-config",
    short: "s",
    type: "boolean",
    description: "read no YAML file, also if it is in its usual place",
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
    short: "b",
    type: "string",
    repeatable: true,
    default: "*",
    aliases: ["bind"],
    argument: "ADDRESS,...",
    description: "where: addresses, * for all, unix:/path",
  },
  {
    name: "log-level",
    short: "l",
    type: "enum",
    values: ["debug", "info", "warn", "error", "critical"],
    default: "info",
    aliases: ["loglevel"],
    description: "the least that is logged",
  },
];

/** DataWave's web server, with the formula of its own agent: the general `http` kind, set up for it. */
export const datawave: Checker = {
  kind: "datawave",
  summary: "the first DataWave web server whose health page says that it is ready",
  proxyportOffset: 10_000,
  options: OPTIONS,
  foreignFile: {
    option: "config",
    skip: "skip-config",
    defaultPath: "/etc/datawave_haproxy_agent/config.yml",
    read: readDatawaveFile,
  },
  create: (options) =>
    createHttpService({
      urls: parseUrls(options["url"] ?? "http://localhost:8080/DataWave/Common/Health/health", "--url"),
      serverPort: undefined,
      rules: rulesOf(options),
      headers: {},
      ca: undefined,
      verify: true,
    }),
};

function rulesOf(options: OptionValues): HttpRules {
  const on503 = String(options["on-503"] ?? "drain");
  const codes = (state: string) => parseStatuses(on503 === state ? "503" : "", "--on-503");
  return {
    up: parseStatuses("200-299", ""),
    drain: codes("drain"),
    unknown: codes("unknown"),
    statePath: ["Status"],
    upWords: ["ready"],
    drainWords: ["drain", "maint"],
    // A text that somebody has put there by hand: the original sent it on, and HAProxy ignored it.
    otherWords: "unknown",
    reductions: parseReductions(String(options["weight-by"] ?? ""), "--weight-by"),
    maxconnPath: undefined,
  };
}
