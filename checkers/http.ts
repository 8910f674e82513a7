import type { Checker } from "../src/core/checker.ts";
import { AppError } from "../src/core/errors.ts";
import type { OptionSpec, OptionValues } from "../src/core/option.ts";
import { ASKING_OPTIONS, readAsking, textOf } from "./http/asking-options.ts";
import { type JsonPath, parsePath } from "./http/json-path.ts";
import type { HttpRules } from "./http/judge.ts";
import { createHttpService } from "./http/service.ts";
import { parseStatuses } from "./http/statuses.ts";
import { parseReductions } from "./http/weight.ts";

const OPTIONS: readonly OptionSpec[] = [
  {
    name: "url",
    type: "string",
    required: true,
    repeatable: true,
    argument: "URL,...",
    description: "health page of each server, in order of preference; the server is the host and port of its URL",
  },
  { name: "up", type: "string", default: "200-299", argument: "CODES", description: "status codes that mean up" },
  {
    name: "drain",
    type: "string",
    default: "",
    argument: "CODES",
    description: "status codes that mean drain, e.g. 503",
  },
  {
    name: "unknown",
    type: "string",
    default: "",
    argument: "CODES",
    description: "status codes that say nothing, e.g. 401,403; every other code means down",
  },
  {
    name: "state-path",
    type: "string",
    argument: "PATH",
    description: "where the JSON answer has a word for its state",
  },
  {
    name: "up-words",
    type: "string",
    default: "up,ok,ready,healthy,pass,true",
    repeatable: true,
    argument: "WORD,...",
    description: "with --state-path: words that mean up",
  },
  {
    name: "drain-words",
    type: "string",
    default: "drain,draining,maint,maintenance",
    repeatable: true,
    argument: "WORD,...",
    description: "words that mean drain; every other word means down",
  },
  {
    name: "weight-by",
    type: "string",
    repeatable: true,
    argument: "PATH:FACTOR,...",
    description:
      "what lowers the weight: each PATH of the JSON answer, times FACTOR, e.g. load:0.4,connections.percent/100:0.5,swap>0:0.1",
  },
  { name: "maxconn-path", type: "string", argument: "PATH", description: "where the JSON answer has its maxconn" },
  ...ASKING_OPTIONS,
];

/** Any service with a health page. */
export const http: Checker = {
  kind: "http",
  summary: "the first server in the list whose health page says that it is well",
  proxyportOffset: 10_000,
  options: OPTIONS,
  create: (options) => createHttpService({ asking: readAsking(options), rules: rulesOf(options), onRefused: "down" }),
};

function rulesOf(options: OptionValues): HttpRules {
  const text = (name: string) => textOf(OPTIONS, options, name);
  const upWords = wordsOf(text("up-words"));
  const drainWords = wordsOf(text("drain-words"));
  return {
    up: parseStatuses(text("up"), "--up"),
    drain: parseStatuses(text("drain"), "--drain"),
    unknown: parseStatuses(text("unknown"), "--unknown"),
    statePath: pathOf(options, "state-path"),
    stateOf: (word) => (upWords.includes(word) ? "up" : drainWords.includes(word) ? "drain" : "down"),
    reductions: parseReductions(text("weight-by"), "--weight-by"),
    maxconnPath: pathOf(options, "maxconn-path"),
  };
}

function pathOf(options: OptionValues, name: string): JsonPath | undefined {
  const text = options[name];
  if (typeof text !== "string") return undefined;
  const path = parsePath(text);
  if (path !== undefined) return path;
  throw new AppError("E_USAGE", `--${name}: "${text}" is no path`, {
    hint: "write for example data.status or list[0].load",
  });
}

function wordsOf(text: string): readonly string[] {
  return text.split(",").flatMap((word) => word.trim().toLowerCase() || []);
}
