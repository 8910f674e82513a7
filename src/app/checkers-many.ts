import { type CheckersFile, type CheckerTable, readCheckersFile } from "../config/checkers-file.ts";
import { readConfSection } from "../config/conf-section.ts";
import { isReadableByEverybody } from "../config/exposed-file.ts";
import type { Flag } from "../config/flag.ts";
import { AGENT_FLAGS } from "../config/flags-checkers.ts";
import { type FileValues, rejectUnknown, resolveOptions, type Values } from "../config/resolve.ts";
import type { Checker } from "../core/checker.ts";
import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";
import type { StoreOptions } from "../core/store-options.ts";
import { type Kinds, openKinds } from "./checkers-kinds.ts";
import { exposed, exposures, foreignValues } from "./checkers-one.ts";
import { AGENT_ANSWER_FLAGS, DEFAULTS_FLAGS, groupOf, TOP_FLAGS, tableFlagsOf } from "./checkers-options.ts";
import { type CheckersPlan, type PlannedGroup, planGroup, pluginsOf, type ReadPlan } from "./checkers-plan.ts";
import { proveGroup } from "./checkers-proof.ts";
import { checkersStoreOptions } from "./checkers-store.ts";

/** What `checkers --config` was called with. */
export interface ConfigLine {
  readonly file: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads the plan of `checkers --config`. "followed" reads what belongs to the file as it was when last it was good. */
export function createConfigReader(line: ConfigLine, clock: Clock): ReadPlan {
  let last: CheckersFile | undefined;
  return async (what) => {
    const file = what === "followed" && last !== undefined ? last : readCheckersFile(line.file);
    const plan = await planMany(file, line, clock);
    last = file;
    return plan;
  };
}

/** Throws E_CONFIG that tells all that is wrong with the tables, not only the first. */
async function planMany(file: CheckersFile, line: ConfigLine, clock: Clock): Promise<CheckersPlan> {
  const { flags, env } = line;
  const top = { flags, env, files: [agentPart(file, AGENT_FLAGS), file.top] };
  const values = resolveOptions(TOP_FLAGS, top);
  const store = checkersStoreOptions(values);
  rejectUnknown([...AGENT_FLAGS, ...AGENT_ANSWER_FLAGS], file.agent);
  resolveOptions(DEFAULTS_FLAGS, { flags: {}, env: {}, files: [file.defaults, agentPart(file, AGENT_ANSWER_FLAGS)] });
  const kinds = await openKinds(pluginsOf(values["plugin"]));
  const problems: AppError[] = [];
  const planned: PlannedTable[] = [];
  for (const table of file.tables) {
    try {
      planned.push(await planTable(table, { file, line, kinds, store, clock }));
    } catch (error) {
      problems.push(inPlace(table.own.name, error));
    }
  }
  if (problems.length > 0) throw together(problems);
  const groups = planned.map(({ group }) => group);
  return {
    groups,
    store,
    shared: true,
    values: groups.some(({ options }) => options.verbose) ? { ...values, verbose: true } : values,
    followed: [...new Set(file.tables.flatMap(({ conf }) => conf ?? []))],
    warnings: [...new Set([...topExposures(file, planned), ...planned.flatMap(({ warnings }) => warnings)])],
  };
}

interface PlannedTable {
  readonly group: PlannedGroup;
  readonly holdsSecret: boolean;
  readonly warnings: readonly string[];
}

interface TableContext {
  readonly file: CheckersFile;
  readonly line: ConfigLine;
  readonly kinds: Kinds;
  readonly store: StoreOptions | undefined;
  readonly clock: Clock;
}

async function planTable(table: CheckerTable, context: TableContext): Promise<PlannedTable> {
  const { file, line, kinds, store, clock } = context;
  const { tag, own, conf } = table;
  const checker = await kinds.load(table.kind);
  const specs = tableFlagsOf(checker);
  rejectUnknown(specs, own);
  const section = conf === undefined ? [] : [readConfSection(conf, tag, checker.options)];
  const defaults = [file.defaults, agentPart(file, AGENT_ANSWER_FLAGS)];
  const foreign = await foreignValues(checker, { ...line, files: [own] });
  const files = [own, ...section, ...foreign.map(withoutAgent), ...defaults];
  const values: Values = { ...resolveOptions(specs, { flags: line.flags, env: line.env, files }), tag };
  const group = planGroup(checker, groupOf(checker, tag, values));
  await proveGroup(group, store, clock);
  return {
    group,
    holdsSecret: holdsSecret(checker, own.values),
    warnings: conf === undefined ? [] : exposures(conf, checker, section),
  };
}

/** The keys of `[agent]` that are among these. */
function agentPart({ agent }: CheckersFile, flags: readonly Flag[]): FileValues {
  const names = flags.map(({ name }) => name);
  const some = Object.entries(agent.values).filter(([key]) => names.includes(key.replaceAll("_", "-")));
  return { name: agent.name, values: Object.fromEntries(some) };
}

/** The file of a replaced agent says where that one listened; here one port serves all tags. */
function withoutAgent({ name, values }: FileValues): FileValues {
  const names = AGENT_FLAGS.map((flag) => flag.name);
  return { name, values: Object.fromEntries(Object.entries(values).filter(([key]) => !names.includes(key))) };
}

function holdsSecret(checker: Checker, values: Readonly<Record<string, unknown>>): boolean {
  return checker.options.some(({ name, secret }) => secret && (name in values || name.replaceAll("-", "_") in values));
}

function topExposures(file: CheckersFile, planned: readonly PlannedTable[]): readonly string[] {
  const held = "token" in file.top.values || planned.some(({ holdsSecret }) => holdsSecret);
  return held && isReadableByEverybody(file.name) ? [exposed(file.name)] : [];
}

/** The complaint of an option knows only its flag; a bug goes its own way. */
function inPlace(where: string, error: unknown): AppError {
  if (!(error instanceof AppError) || error.exitCode !== 2) throw error;
  if (error.message.startsWith(where)) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new AppError("E_CONFIG", `${where}: ${error.message.replace(/^--/, "")}`, { cause: error.cause, ...hint });
}

function together(problems: readonly AppError[]): AppError {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return first;
  const lines = problems.map(({ message, hint }) => `  ${message}${hint === undefined ? "" : `\n    hint: ${hint}`}`);
  return new AppError("E_CONFIG", `${problems.length} tables cannot be used:\n${lines.join("\n")}`);
}
