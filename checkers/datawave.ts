import type { Checker } from "../src/core/checker.ts";
import type { OptionSpec } from "../src/core/option.ts";
import { ASKING_OPTIONS, readAsking, textOf } from "./http/asking-options.ts";
import { readDatawaveFile } from "./http/datawave-file.ts";
import { datawaveRules } from "./http/datawave-rules.ts";
import { createHttpService } from "./http/service.ts";

/** What a server may be found that does not take new queries. */
const NOT_UP = ["down", "drain", "unknown"] as const;

const OPTIONS: readonly OptionSpec[] = [
  { name: "tag", type: "string", default: "datawave", argument: "NAME", description: "name of this group of servers" },
  {
    name: "url",
    type: "string",
    repeatable: true,
    default: "http://localhost:8080/DataWave/Common/Health/health",
    argument: "URL,...",
    description: "DataWave's health page, one for each server",
  },
  {
    name: "weight-by",
    type: "string",
    repeatable: true,
    default: "ConnectionUsagePercent/100:0.7,SystemLoad:0.4,SwapBytesUsed>0:0.3",
    argument: "PATH:FACTOR,...",
    description: "what lowers the weight: each PATH of the answer, times FACTOR",
  },
  {
    name: "on-503",
    type: "enum",
    values: NOT_UP,
    default: "drain",
    description: "what status 503 counts as: the server has too many queries, or is being shut down",
  },
  {
    name: "on-refused",
    type: "enum",
    values: NOT_UP,
    default: "down",
    description: "what it counts as when nobody listens there",
  },
  ...ASKING_OPTIONS,
  { name: "timeout", type: "duration", default: "2s", description: "the longest a server may take to answer" },
  {
    name: "config",
    short: "c",
    type: "string",
    argument: "FILE",
    description: "the DataWave agent's YAML file, as it is",
  },
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
    description: "addresses to answer on; * for all, unix:/path for a socket",
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
  create(options) {
    const text = (name: string) => textOf(OPTIONS, options, name);
    return createHttpService({
      asking: readAsking({ ...options, url: text("url") }),
      rules: datawaveRules({ on503: text("on-503"), weightBy: text("weight-by") }),
      onRefused: NOT_UP.find((state) => state === options["on-refused"]) ?? "down",
    });
  },
};
