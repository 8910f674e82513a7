import { describe, expect, test } from "vitest";
import { patroni } from "../../../checkers/patroni.ts";
import { kindFlagsOf } from "../../../src/app/checkers-options.ts";
import { parseLine } from "../../../src/cli/parse.ts";
import type { Flag } from "../../../src/config/flag.ts";
import { AppError } from "../../../src/core/errors.ts";

const FLAGS: readonly Flag[] = [
  { name: "patroni-host", short: "h", type: "string", description: "" },
  { name: "patroni-healthcheck", short: "k", type: "string", description: "" },
  { name: "agent-port", short: "p", type: "integer", aliases: ["port"], description: "" },
  { name: "skip-config", short: "s", type: "boolean", description: "" },
  { name: "verbose", short: "v", type: "boolean", description: "" },
  { name: "config", short: "c", type: "string", description: "" },
  { name: "token", type: "string", description: "" },
  { name: "onetime", type: "boolean", description: "" },
  { name: "verify", type: "boolean", default: true, description: "check it" },
];

const flagsOf = (...argv: string[]) => parseLine({ name: "it", summary: "", flags: FLAGS }, argv)?.flags;
const wordsOf = (...argv: string[]) => parseLine({ name: "it", summary: "", flags: FLAGS, words: "[words...]" }, argv);

function refusal(...argv: string[]): AppError {
  try {
    flagsOf(...argv);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("an option is taken", () => {
  const cases: readonly (readonly [string, readonly string[], Readonly<Record<string, unknown>>])[] = [
    ["short, its value behind it: letters", ["-kreplica"], { "patroni-healthcheck": "replica" }],
    ["short, its value behind it: digits", ["-p5555"], { "agent-port": "5555" }],
    ["short, its value behind it: a path with an equals sign", ["-c/etc/a=b.yml"], { config: "/etc/a=b.yml" }],
    ["short, with a question mark in its value", ["-kreplica?lag=1MB"], { "patroni-healthcheck": "replica?lag=1MB" }],
    ["short, with an equals sign as Go takes it", ["-k=replica"], { "patroni-healthcheck": "replica" }],
    ["short, with an empty value", ["-k=", "-p5"], { "patroni-healthcheck": "", "agent-port": "5" }],
    [
      "short, its value apart",
      ["-k", "replica", "-p", "5555"],
      { "patroni-healthcheck": "replica", "agent-port": "5555" },
    ],
    ["short, its value apart and like an option", ["-k", "-replica"], { "patroni-healthcheck": "-replica" }],
    [
      "short, behind short ones without a value",
      ["-svp5555"],
      { "skip-config": true, verbose: true, "agent-port": "5555" },
    ],
    ["short, last of several, its value apart", ["-sc", "a.yml"], { "skip-config": true, config: "a.yml" }],
    ["long, with one dash", ["-onetime"], { onetime: true }],
    ["long, with one dash and its value apart", ["-config", "a.yml"], { config: "a.yml" }],
    ["long, with one dash and an equals sign", ["-port=5"], { port: "5" }],
    ["long, with one dash, before a short one with the rest as its value", ["-port", "5"], { port: "5" }],
    ["long, with one dash, though a short one is its first letter", ["-patroni-host", "a"], { "patroni-host": "a" }],
    ["long, to switch off, with one dash", ["-no-verify"], { verify: false }],
    ["long, its value like an option", ["--token", "-abcdef"], { token: "-abcdef" }],
    ["long, with one dash, its value like an option", ["-token", "-onetime"], { token: "-onetime" }],
  ];
  test.each(cases)("%s", (_, argv, flags) => {
    expect(flagsOf(...argv)).toEqual(flags);
  });
});

test("what stands behind -- is left as it is", () => {
  expect(wordsOf("-onetime", "--", "-onetime", "-kreplica")).toEqual({
    flags: { onetime: true },
    words: ["-onetime", "-kreplica"],
  });
});

describe("a line that cannot be understood is refused in one line", () => {
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ["a short option that there is not", ["-zreplica"], "unknown option '--zreplica'"],
    ["a misspelt long one with one dash", ["-onetme"], "unknown option '--onetme' (did you mean --onetime?)"],
    [
      "a misspelt long one that begins as a short one with a number",
      ["-patroni-hots", "a"],
      "unknown option '--patroni-hots' (did you mean --patroni-host?)",
    ],
    ["a number that is none behind a short one", ["-port5555"], "unknown option '--port5555'"],
    ["a misspelt long one with an equals sign", ["-host=a"], "unknown option '--host=a'"],
    ["something behind a short option without a value", ["-sx"], "unknown option '--sx'"],
    ["a short option without its value", ["-p"], "option '-p, --agent-port <N>' argument missing"],
    ["a long option with one dash and without its value", ["-token"], "option '--token <VALUE>' argument missing"],
    ["words that are too many", ["here", "there"], "too many arguments: here there"],
  ];
  test.each(cases)("%s", (_, argv, message) => {
    const { code, message: said } = refusal(...argv);
    expect([code, said]).toEqual(["E_USAGE", message]);
  });
});

test("who misspells a long option that was read as a short one is told so", () => {
  const { message, hint } = refusal("-host", "db1");
  expect(message).toBe("too many arguments: db1");
  expect(hint).toBe("-host was read as --patroni-host=ost; see it --help");
});

test("happac's command line is taken with its values attached as well as apart", () => {
  const parse = (...argv: string[]) => parseLine({ name: "it", summary: "", flags: kindFlagsOf(patroni) }, argv)?.flags;
  const attached = parse("-hdb1", "-o8008", "-kreplica", "-p5555", "-r6432", "-x/usr/lib/postgresql/15/bin/");
  const apart = parse(
    ...["-h", "db1", "-o", "8008", "-k", "replica", "-p", "5555", "-r", "6432"],
    ...["-x", "/usr/lib/postgresql/15/bin/"],
  );
  expect(attached).toEqual({
    "patroni-host": "db1",
    "patroni-port": "8008",
    "patroni-healthcheck": "replica",
    "agent-port": "5555",
    "pgisready-port": "6432",
    "pgisready-path": "/usr/lib/postgresql/15/bin/",
  });
  expect(attached).toEqual(apart);
});
