import { checkers } from "../../checkers/registry.ts";
import { runChecker, runCheckerOnce } from "../app/checkers.ts";
import { CHECK_OPTIONS, type GroupOptions } from "../check/options.ts";
import { environment } from "../config/env.ts";
import type { Flag } from "../config/flag.ts";
import { LOG_FLAGS, STORE_FLAGS } from "../config/flags-common.ts";
import { resolveOptions, type Values } from "../config/resolve.ts";
import { storeOptions } from "../config/store.ts";
import type { Checker } from "../core/checker.ts";
import { isName } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { parseLine } from "./parse.ts";
import { openLogger } from "./world.ts";

/** `checkers <kind> …`: parses its words, runs it, resolves to the exit code. */
export async function checkersCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const [kind, ...rest] = argv;
  if (kind === undefined || ["help", "-h", "--help", "-help"].includes(kind)) {
    process.stdout.write(await overview());
    return kind === undefined ? 2 : 0;
  }
  const checker = await load(kind);
  const flags = flagsOf(checker);
  const line = parseLine({ name: `checkers ${kind}`, summary: summaryOf(checker), flags, epilog: EPILOG }, rest);
  if (line === undefined) return 0;
  const env = environment();
  const values = resolveOptions(flags, { flags: line.flags, env });
  const logger = await openLogger(values["verbose"] === true ? { ...values, "log-level": "debug" } : values, env);
  const request = { checker, group: groupOf(values), store: storeOptions(values) };
  const world = { clock: systemClock, logger, stop: signals.stop };
  if (values["once"] !== true) {
    await runChecker(request, world);
    return 0;
  }
  const result = await runCheckerOnce(request, world);
  for (const server of result.servers) process.stdout.write(`${server.name}  ${server.health}  ${server.reason}\n`);
  process.stdout.write(`${result.conclusion || `${result.published ?? "nothing"} is published`}\n`);
  return result.good ? 0 : 1;
}

const EPILOG = `Every option is also an environment variable (--fall: CONFD_HAPROXY_FALL). A daemon by default; with --once it exits
0 if the published server is good, 1 if not. Exit code 2: wrong usage.`;

async function load(kind: string): Promise<Checker> {
  const entry = Object.entries(checkers).find(([name]) => name === kind);
  if (entry !== undefined) return entry[1]();
  const names = Object.keys(checkers);
  const close = nearest(kind, names);
  throw new AppError("E_USAGE", `there is no checker "${kind}"`, {
    hint: close === undefined ? `there are: ${names.join(", ")}` : `did you mean ${close}?`,
  });
}

async function overview(): Promise<string> {
  const kinds = await Promise.all(Object.values(checkers).map((get) => get()));
  const lines = kinds.map((checker) => `  ${checker.kind.padEnd(14)}publishes ${checker.summary}`);
  return `Usage: checkers <kind> [options]

Probes the servers of one tag and publishes the one that may take traffic under haproxy/<kind>/<tag>.

Kinds:
${lines.join("\n")}

checkers <kind> --help shows the options of a kind.
`;
}

function summaryOf(checker: Checker): string {
  return `Publishes ${checker.summary}, as haproxy/${checker.kind}/<tag>.`;
}

function flagsOf(checker: Checker): readonly Flag[] {
  const own = checker.options.map((option) => ({ ...option, section: checker.kind }));
  const common = CHECK_OPTIONS.map((option) => ({ ...option, section: "Checking and publishing" }));
  return [...own, ...common, ...STORE_FLAGS, ...LOG_FLAGS];
}

function groupOf(values: Values): GroupOptions {
  const tag = String(values["tag"]);
  if (!isName(tag)) {
    throw new AppError("E_USAGE", `--tag: "${tag}" is not a name`, {
      hint: "use letters, digits and _ . : -, for example mem11211",
    });
  }
  return {
    tag,
    values,
    intervalMs: Number(values["interval"]),
    timeoutMs: Number(values["timeout"]),
    thresholds: { fall: Number(values["fall"]), rise: Number(values["rise"]) },
    pulseMs: Number(values["pulse"]),
    publish: values["publish"] === "all" ? "all" : "one",
    minServers: Number(values["min-servers"]),
    fallback: values["fallback"] === "remove" ? "remove" : "keep",
    ha: values["ha"] === true,
    proxyport: { ...numeric("port", values["proxyport"]), ...numeric("offset", values["proxyport-offset"]) },
    dryRun: values["dry-run"] === true,
    verbose: values["verbose"] === true,
  };
}

function numeric<K extends string>(key: K, value: Values[string]): { readonly [P in K]?: number } {
  return (typeof value === "number" ? { [key]: value } : {}) as { readonly [P in K]?: number };
}
