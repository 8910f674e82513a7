import { runCheckers } from "../app/checkers.ts";
import { type Kinds, openKinds } from "../app/checkers-kinds.ts";
import { planOne } from "../app/checkers-one.ts";
import { CONFIG_FLAGS, kindFlagsOf } from "../app/checkers-options.ts";
import type { CheckersPlan, ReadPlan } from "../app/checkers-plan.ts";
import { environment } from "../config/env.ts";
import type { Flag } from "../config/flag.ts";
import { resolveOptions } from "../config/resolve.ts";
import { AppError } from "../core/errors.ts";
import type { Signals } from "../lib/process-signals.ts";
import { systemClock } from "../lib/system-clock.ts";
import { configShape, kindShape, overview } from "./checkers-help.ts";
import { printOnce } from "./checkers-once.ts";
import { findPlugins } from "./checkers-plugins.ts";
import { parseLine } from "./parse.ts";
import { openLogger } from "./world.ts";

type Environment = ReturnType<typeof environment>;

/** What the command line asks for. */
interface Job {
  readonly read: ReadPlan;
  /** One tag by its flags, not a file of many. */
  readonly alone: boolean;
  readonly once: boolean;
}

/** `checkers <kind> …` and `checkers --config …`: parses its words, runs it, resolves to the exit code. */
export async function checkersCommand(argv: readonly string[], signals: Signals): Promise<number> {
  const env = environment();
  const [first, ...rest] = argv;
  const kinds = await openKinds(findPlugins(argv, env));
  if (first === undefined ? !env["CONFD_HAPROXY_CONFIG"] : ["help", "-h", "--help", "-help"].includes(first)) {
    process.stdout.write(await overview(kinds));
    return first === undefined ? 2 : 0;
  }
  const isKind = first !== undefined && !first.startsWith("-");
  const job = isKind ? await kindJob(first, rest, { kinds, env }) : await configJob(argv, env);
  return job === undefined ? 0 : run(job, signals, env);
}

/** Undefined: it was only asked for help. */
async function configJob(argv: readonly string[], env: Environment): Promise<Job | undefined> {
  // `--config --help` asks about the file without having one
  const helpOnly = argv.some((word) => ["-h", "--help", "-help"].includes(word));
  const line = parseLine(configShape(CONFIG_FLAGS), helpOnly ? ["--help"] : argv);
  if (line === undefined) return undefined;
  const { config: given, ...flags } = line.flags;
  const file = given ?? env["CONFD_HAPROXY_CONFIG"];
  if (typeof file !== "string" || file === "") {
    throw new AppError("E_USAGE", "neither a kind nor --config is given", { hint: "see checkers --help" });
  }
  const { createConfigReader } = await import("../app/checkers-many.ts");
  return {
    read: createConfigReader({ file, flags, env }, systemClock),
    alone: false,
    once: isOnce(CONFIG_FLAGS, flags, env),
  };
}

/** Known so that it can be refused with the right word: the nearest known one would be --conf. */
const CONFIG_IN_VAIN: Flag = { name: "config", type: "string", hidden: true, description: "" };

async function kindJob(
  kind: string,
  argv: readonly string[],
  { kinds, env }: { readonly kinds: Kinds; readonly env: Environment },
): Promise<Job | undefined> {
  const checker = await kinds.load(kind);
  const specs = kindFlagsOf(checker);
  const hasConfig = specs.some(({ name }) => name === "config");
  const line = parseLine(kindShape(checker, hasConfig ? specs : [...specs, CONFIG_IN_VAIN]), argv);
  if (line === undefined) return undefined;
  const { flags } = line;
  if (flags["config"] !== undefined && !hasConfig) {
    const hint = `checkers --config ${String(flags["config"])}; the ini file of one kind's options is --conf`;
    throw new AppError("E_USAGE", "--config is for all kinds: leave the kind out", { hint });
  }
  return {
    read: () => planOne(checker, { flags, env }, systemClock),
    alone: true,
    once: isOnce(specs, flags, env),
  };
}

function isOnce(specs: readonly Flag[], flags: Readonly<Record<string, unknown>>, env: Environment): boolean {
  const once = specs.filter(({ name }) => name === "once");
  return resolveOptions(once, { flags, env })["once"] === true;
}

async function run({ read, alone, once }: Job, signals: Signals, env: Environment): Promise<number> {
  const plan = await read("everything");
  const world = { ...signals, clock: systemClock, logger: await loggerOf(plan, env) };
  if (once) return printOnce(plan, { world, alone });
  await runCheckers({ plan, read, alone }, world);
  return 0;
}

function loggerOf({ values }: CheckersPlan, env: Environment): ReturnType<typeof openLogger> {
  return openLogger(values["verbose"] === true ? { ...values, "log-level": "debug" } : values, env);
}
