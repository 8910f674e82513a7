import { CHECK_OPTIONS, type GroupOptions } from "../check/options.ts";
import type { Flag } from "../config/flag.ts";
import {
  AGENT_FLAGS,
  AGENT_SECTION,
  CHECKERS_STORE_FLAGS,
  CONF_FLAG,
  PROCESS_FLAGS,
} from "../config/flags-checkers.ts";
import { LOG_FLAGS } from "../config/flags-common.ts";
import type { Values } from "../config/resolve.ts";
import type { AgentRules } from "../core/agent-line.ts";
import type { Checker } from "../core/checker.ts";
import { isName } from "../core/entry.ts";
import { AppError } from "../core/errors.ts";
import type { OptionSpec, OptionValues } from "../core/option.ts";

const CHECKING = "Checking and publishing";
const RUNNING = "How it runs";

/** Of the options in `check/options.ts`, those that say how the process runs. */
const RUN_OPTIONS = ["once", "dry-run", "verbose"];

/** Of them, those that say what the agent answers. */
const AGENT_OPTIONS = ["stale-after", "on-starting", "on-stale", "on-unknown", "on-stopping", "ready-for"];

/** Flags of the replaced checkers. */
const ALIASES: Readonly<Record<string, readonly string[]>> = { verbose: ["debug"] };

const COMMON: readonly Flag[] = (CHECK_OPTIONS as readonly OptionSpec[]).map((option) => ({
  ...option,
  section: sectionOf(option.name),
  ...(ALIASES[option.name] === undefined ? {} : { aliases: ALIASES[option.name] }),
}));

const PROCESS: readonly Flag[] = PROCESS_FLAGS.map((flag) => ({ ...flag, section: RUNNING }));

/** What concerns the process as a whole: keys in front of the tables of a configuration file. */
export const TOP_FLAGS: readonly Flag[] = [...PROCESS, ...AGENT_FLAGS, ...CHECKERS_STORE_FLAGS, ...LOG_FLAGS];

/** What `[defaults]` may say, for the checkers of every kind. */
export const DEFAULTS_FLAGS: readonly Flag[] = COMMON.filter(({ name }) => name !== "tag" && name !== "once");

/** What the agent answers: of each tag, and for all of them in `[agent]`. */
export const AGENT_ANSWER_FLAGS: readonly Flag[] = COMMON.filter(({ name }) => AGENT_OPTIONS.includes(name));

/** Everything that `checkers --config` takes. */
export const CONFIG_FLAGS: readonly Flag[] = [
  {
    name: "config",
    type: "string",
    argument: "FILE",
    section: "Which checkers",
    required: true,
    description: "TOML file with one [[checker]] table per tag; SIGHUP reads it again",
  },
  ...COMMON.filter(({ name }) => name !== "tag"),
  ...TOP_FLAGS,
];

function sectionOf(name: string): string {
  if (AGENT_OPTIONS.includes(name)) return AGENT_SECTION;
  return RUN_OPTIONS.includes(name) ? RUNNING : CHECKING;
}

/** What concerns the process, whether a kind has its own default for it or not. */
const NOT_IN_TABLES: readonly string[] = ["tag", "once", ...TOP_FLAGS.map(({ name }) => name)];

/** What a `[[checker]]` table of this kind may say beside `kind`, `tag` and `conf`. */
export function tableFlagsOf(checker: Checker): readonly Flag[] {
  const own = ownFlags(checker).filter(({ name }) => !NOT_IN_TABLES.includes(name));
  return [...own, ...commonFor(checker).filter(({ name }) => !NOT_IN_TABLES.includes(name))];
}

/** Everything that `checkers <kind>` takes. */
export function kindFlagsOf(checker: Checker): readonly Flag[] {
  const own = ownFlags(checker);
  const isOwn = ({ name }: Flag) => own.some((flag) => flag.name === name);
  const others = [...COMMON, { ...CONF_FLAG, section: checker.kind }, ...TOP_FLAGS];
  return [...own, ...others.filter((flag) => !isOwn(flag))];
}

/** A kind's own option stands in place of the common one of that name. */
function commonFor(checker: Checker): readonly Flag[] {
  return COMMON.filter(({ name }) => !checker.options.some((own) => own.name === name));
}

/** A secret is known, so that it can be refused with advice, and not shown. */
function ownFlags(checker: Checker): readonly Flag[] {
  return checker.options.map((option) => ({
    ...option,
    section: TOP_FLAGS.find(({ name }) => name === option.name)?.section ?? checker.kind,
    ...(option.secret ? { hidden: true } : {}),
  }));
}

/** The names that a kind may not use for an option of its own: they mean something for the process. */
export function takenNames(): readonly string[] {
  return ["kind", "config", CONF_FLAG.name, ...RUN_OPTIONS, "tag", ...TOP_FLAGS.map(({ name }) => name)];
}

/** What the group loop is told. Throws E_USAGE for a tag that is no name. */
export function groupOf(checker: Checker, tag: string, values: Values): GroupOptions {
  if (!isName(tag)) {
    throw new AppError("E_USAGE", `--tag: "${tag}" is not a name`, {
      hint: "use letters, digits and _ . : -, for example mem11211",
    });
  }
  return {
    tag,
    values: valuesFor(checker, values),
    intervalMs: Number(values["interval"]),
    timeoutMs: Number(values["timeout"]),
    thresholds: { fall: Number(values["fall"]), rise: Number(values["rise"]) },
    pulseMs: Number(values["pulse"]),
    publish: publishOf(values["publish"]),
    minServers: Number(values["min-servers"]),
    fallback: values["fallback"] === "remove" ? "remove" : "keep",
    ha: values["ha"] === true,
    agent: agentOf(values),
    readyForMs: Number(values["ready-for"]),
    manualRecovery: values["manual-recovery"] === true,
    recover: values["recover"] === true,
    proxyport: { ...numeric("port", values["proxyport"]), ...numeric("offset", values["proxyport-offset"]) },
    dryRun: values["dry-run"] === true,
    verbose: values["verbose"] === true,
  };
}

function publishOf(word: Values[string]): GroupOptions["publish"] {
  return word === "all" || word === "writer" ? word : "one";
}

/** Three rounds may be missed before a verdict is too old, and never less than this, ms. */
const STALE_AFTER = { rounds: 3, leastMs: 5_000 };

function agentOf(values: Values): AgentRules {
  const roundMs = Number(values["interval"]) + Number(values["timeout"]);
  const given = values["stale-after"];
  const line = (name: string) => String(values[name] ?? "").trim();
  return {
    staleAfterMs: typeof given === "number" ? given : Math.max(STALE_AFTER.leastMs, STALE_AFTER.rounds * roundMs),
    onStarting: line("on-starting"),
    onStale: line("on-stale"),
    onUnknown: line("on-unknown"),
    onStopping: line("on-stopping"),
  };
}

/** A kind sees its own options and those of every checker; the store's, with its token, are none of its business. */
function valuesFor(checker: Checker, values: Values): OptionValues {
  const names = [...checker.options, ...COMMON].map(({ name }) => name);
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

function numeric<K extends string>(key: K, value: Values[string]): { readonly [P in K]?: number } {
  return (typeof value === "number" ? { [key]: value } : {}) as { readonly [P in K]?: number };
}
